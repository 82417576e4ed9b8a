/** Generates random stage files: whatever the schema allows, repaired to keep the rules between keys. */
import fc from "fast-check";
import { z } from "zod";
import { peakOf } from "../../../components/kubernetes/quota.ts";
import { cpuMillicores, memoryBytes } from "../../../components/kubernetes/resources.ts";
import { BUCKET_KEYS } from "../../../config/bucketSchema.ts";
import { stageSchema } from "../../../config/schema.ts";

/** A part of the configuration's schema, as JSON Schema. */
export interface Node {
  readonly type: "object" | "array" | "string" | "integer" | "boolean";
  /** A quantity: text or a number. */
  readonly anyOf?: readonly Node[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

export const SCHEMA = z.toJSONSchema(stageSchema, { io: "input" }) as unknown as Node;

/** Enough connections for as many pods as the schema allows. */
export const MOST_CONNECTIONS = SCHEMA.properties!.database!.properties!.maxConnections!.maximum!;

/** Part of every generated secret: no text that people read may contain it. */
export const CANARY = "confidential";

/** A certificate in form only. */
export const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

/** The values of a stage file without the prefix of its keys. */
export type StageFile = Record<string, any>;

const label = fc.stringMatching(/^[a-z][a-z0-9]{0,10}$/);
const host = fc
  .tuple(fc.array(label, { minLength: 1, maxLength: 3 }), fc.constantFrom("com", "dev", "local"))
  .map(([labels, top]) => [...labels, top].join("."));
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
const url = (scheme: string) =>
  fc
    .tuple(host, port, fc.constantFrom("", "/", "/v1", "/acme/directory"))
    .map(([name, number, path]) => `${scheme}://${name}${number ? `:${number}` : ""}${path}`);
const secret = fc
  .string({ unit: "grapheme-ascii", maxLength: 12 })
  .map((noise) => `${CANARY}${noise}`);
const databaseUrl = fc
  .tuple(secret, host, port, fc.constantFrom("require", "verify-ca", "verify-full"))
  .map(
    ([password, name, number, mode]) =>
      `postgresql://todo:${encodeURIComponent(password)}@${name}${number ? `:${number}` : ""}/todo?sslmode=${mode}`,
  );
const cpu = fc.oneof(
  fc.integer({ min: 1, max: 64_000 }).map((millicores) => `${millicores}m`),
  fc.integer({ min: 1, max: 64_000 }).map((millicores) => String(millicores / 1000)),
  fc.integer({ min: 1, max: 64_000 }).map((millicores) => millicores / 1000),
);
const memory = fc.oneof(
  fc
    .tuple(fc.integer({ min: 2, max: 4096 }), fc.constantFrom("M", "Mi", "G", "Gi", "e7"))
    .map(([count, unit]) => `${count}${unit}`),
  fc.integer({ min: 2 ** 20, max: 2 ** 40 }),
);
const image = fc
  .tuple(fc.constantFrom("", "ghcr.io/", "localhost:5000/"), label, fc.nat())
  .map(
    ([registry, name, digest]) =>
      `${registry}my--org/${name}@sha256:${digest.toString(16).padStart(64, "a")}`,
  );
const mail = fc.tuple(label, label).map(([name, domain]) => `${name}@${domain}.com`);
const origin = fc
  .tuple(host, port)
  .map(([name, number]) => `https://${name}${number ? `:${number}` : ""}`);
/** Certificates with Windows line ends or with notes in front, as some tools write them. */
const certificate = fc.constantFrom(
  CERTIFICATE,
  CERTIFICATE.replaceAll("\n", "\r\n"),
  `subject=CN = ours\n${CERTIFICATE}${CERTIFICATE}`,
);

const schedule = fc.constantFrom("17 2 * * *", "*/15 0-6 1,15 * 1-5", "0 0 31 12 0");

/** Values that a pattern alone does not describe, by the end of the dotted key. */
const SPECIAL: readonly (readonly [RegExp, fc.Arbitrary<unknown>])[] = [
  [/^host$/, host],
  [/^publicUrl$/, fc.oneof(fc.constant(""), origin)],
  [/^(images|canary\.release\.stable)\.(backend|frontend)$/, image],
  [/^(database|backup\.s3)\.image$/, image],
  [/^database\.caCertificate$|^tls\.caBundle$/, fc.oneof(fc.constant(""), certificate)],
  [/^tls\.email$/, mail],
  [/^databaseUrl$/, databaseUrl],
  [/^(registryPassword|openaiApiKey|backupS3\w+)$/, secret],
  [/^llm\.baseUrl$/, fc.oneof(url("http"), url("https"))],
  [/^tracing\.endpoint$/, fc.oneof(fc.constant(""), url("http"), url("https"))],
  [/^tls\.server$/, url("https")],
  [/^route\.sourceRanges$/, fc.array(fc.constantFrom("10.0.0.0/8", "fd00::/8", "0.0.0.0/0"))],
  [/^backup\.schedule$/, schedule],
  [
    /^backup\.s3\.endpoint$/,
    fc.oneof(
      origin,
      host.map((name) => `http://${name}`),
    ),
  ],
  [/\.cpu$/, cpu],
  [/\.(memory|storage)$/, memory],
];

/**
 * Text that matches a pattern. Where a pattern repeats what has repetitions itself, as that of a path does, the usual sizes
 * give texts of hundreds of characters, and making them takes longer than checking the whole stage.
 */
const matching = (pattern: string) =>
  fc.stringMatching(new RegExp(pattern), { size: pattern.includes("*)*") ? "xsmall" : "small" });

function arbitrary(node: Node, key: string): fc.Arbitrary<unknown> {
  const special = SPECIAL.find(([pattern]) => pattern.test(key))?.[1];
  if (special) return special;
  if (node.enum) return fc.constantFrom(...node.enum);
  switch (node.type) {
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: node.minimum!, max: node.maximum! });
    case "string":
      return node.pattern ? matching(node.pattern) : fc.string();
    case "array":
      return fc.array(arbitrary(node.items!, key), { maxLength: 3 });
    case "object":
      return fc.record(
        Object.fromEntries(
          Object.entries(node.properties!).map(([name, inner]) => [
            name,
            arbitrary(inner, key ? `${key}.${name}` : name),
          ]),
        ),
        { requiredKeys: [...(node.required ?? [])] },
      );
  }
}

function sortAmounts(resources: any, name: "cpu" | "memory", amount: (text: string) => number) {
  const { requests, limits } = resources;
  if (limits[name] === undefined) return;
  if (amount(String(requests[name])) <= amount(String(limits[name]))) return;
  [requests[name], limits[name]] = [limits[name], requests[name]];
}

function sortResources(resources: any): void {
  if (!resources) return;
  sortAmounts(resources, "cpu", cpuMillicores);
  sortAmounts(resources, "memory", memoryBytes);
}

const inOrder = (...counts: number[]) => counts.sort((a, b) => a - b);

function sortReplicas(workload: any): void {
  if (!workload?.autoscaling) return;
  const { minReplicas, maxReplicas } = workload.autoscaling;
  const sorted = inOrder(minReplicas, maxReplicas, workload.replicas ?? minReplicas);
  [workload.autoscaling.minReplicas, workload.replicas, workload.autoscaling.maxReplicas] = sorted;
}

/** The settings that each issuer requires; the others are not allowed with it. */
const ISSUER_SETTINGS: Readonly<Record<string, readonly string[]>> = {
  acme: ["server", "caBundle"],
  ca: ["caSecretName"],
  secret: ["secretName"],
};

function repairTls(stage: StageFile): void {
  if (!stage.tls) return;
  const others = Object.entries(ISSUER_SETTINGS).filter(([issuer]) => issuer !== stage.tls.issuer);
  const unwanted = new Set(others.flatMap(([, keys]) => keys));
  const wanted = Object.entries(stage.tls).filter(([key]) => !unwanted.has(key));
  const tls: StageFile = Object.fromEntries(wanted);
  if (/letsencrypt|acme/.test(tls.issuer)) tls.email ??= "ops@todo-app.com";
  if (tls.issuer === "acme") tls.server ??= "https://ca.example.com/directory";
  if (tls.issuer === "ca") tls.caSecretName ||= "ca";
  if (tls.issuer === "secret") tls.secretName ||= "tls";
  if (/letsencrypt/.test(tls.issuer)) stage.host = stage.host.replace(/\.local$/, ".com");
  stage.tls = tls;
}

/** CloudNativePG backs up to a bucket by HTTPS, and recovers from one into a cluster of another name. */
function repairCluster({ database, backup }: StageFile): void {
  database.image = "ghcr.io/cloudnative-pg/postgresql:17";
  if (!backup?.s3) delete backup?.enabled;
  if (backup?.s3) backup.s3.endpoint = backup.s3.endpoint.replace(/^http:/, "https:");
  if (!backup?.enabled) delete database.recovery;
  if (database.recovery) database.clusterName = `${database.recovery.clusterName.slice(0, 40)}-2`;
}

function repairDatabase(stage: StageFile): void {
  const { mode } = (stage.database ??= {});
  if (mode === "external") delete stage.backup?.enabled;
  if (mode === "cloudnative-pg") repairCluster(stage);
  else {
    delete stage.database.clusterName;
    delete stage.database.recovery;
  }
  if (mode !== "external") {
    stage.database.maxConnections = MOST_CONNECTIONS;
    delete stage.database.caCertificate;
    delete stage.databaseUrl;
    return;
  }
  stage.databaseUrl ??= `postgresql://todo:${CANARY}@db/todo?sslmode=verify-full`;
  if (stage.databaseUrl.endsWith("=verify-ca")) stage.database.caCertificate ||= CERTIFICATE;
}

function repairBackup(stage: StageFile): void {
  for (const key of BUCKET_KEYS)
    if (stage.backup?.s3) stage[key] ??= CANARY;
    else Reflect.deleteProperty(stage, key);
}

function repairDevelopment(stage: StageFile): void {
  const { images, canary, protectResources } = stage;
  if (protectResources || canary?.release || images.backend || images.frontend)
    delete stage.development;
}

const sizes = stageSchema.pick({
  backend: true,
  frontend: true,
  database: true,
  backup: true,
  canary: true,
});

/** Makes the quota large enough for every pod, and for the sizes that a test may set instead. */
function repairQuota(stage: StageFile): void {
  const { backend, frontend, database, backup, canary } = sizes.parse({
    backend: stage.backend,
    frontend: stage.frontend,
    database: stage.database,
    backup: stage.backup,
    canary: stage.canary,
  });
  const { replicas } = canary;
  const beside = [backend, frontend].map(({ resources }) => ({ replicas, resources }));
  const services = [backend, frontend, ...beside];
  const { pods, cpu, memory } = peakOf({ services, database, backup });
  stage.quota = {
    pods: pods + 250,
    cpu: `${cpu + 64_000}m`,
    memory: `${Math.ceil(memory / 2 ** 30) + 128}Gi`,
  };
}

/** States the controller's namespace for classes that have no default. */
function repairRoute(stage: StageFile): void {
  if (!stage.route) return;
  if (!["nginx", "traefik", undefined].includes(stage.route.className))
    stage.route.namespace ||= "controller";
}

/** Changes a stage whose keys are valid one by one so that it keeps the rules between them. */
function repair(stage: StageFile): StageFile {
  for (const name of ["backend", "frontend", "database"]) {
    sortReplicas(stage[name]);
    sortResources(stage[name]?.resources);
  }
  repairDatabase(stage);
  repairBackup(stage);
  if (stage.llm?.provider === "openai") stage.openaiApiKey ??= CANARY;
  if (stage.registryUsername) stage.registryPassword ??= CANARY;
  else delete stage.registryPassword;
  if (stage.images.push === false) delete stage.images.immutableTags;
  repairTls(stage);
  repairRoute(stage);
  if (stage.monitoring?.enabled) stage.monitoring.namespace ||= "monitoring";
  if (stage.route?.kind !== "gateway") {
    delete stage.route?.proxies;
    delete stage.canary?.release;
  }
  repairDevelopment(stage);
  repairQuota(stage);
  return stage;
}

/** Any valid stage file. */
export const validStage: fc.Arbitrary<StageFile> = arbitrary(SCHEMA, "").map((stage) =>
  repair(structuredClone(stage) as StageFile),
);

/** The configuration as the engine hands it to the program. */
export const asRaw = (stage: StageFile): Record<string, string> =>
  Object.fromEntries(
    Object.entries(stage).map(([key, value]) => [
      `todo-app:${key}`,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
