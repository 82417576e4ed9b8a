/** Stage files with one wrong key: every way in which the schema or a rule between keys can be broken. */
import {
  CANARY,
  CERTIFICATE,
  MOST_CONNECTIONS,
  SCHEMA,
  type Node,
  type StageFile,
} from "./arbitraryStage.ts";

export interface Fault {
  readonly path: readonly (string | number)[];
  /** Undefined: the key is missing. */
  readonly value: unknown;
  /** The key itself is wrong, whatever its value. */
  readonly unknown?: boolean;
  /** Other keys that make this key wrong, and no other. */
  readonly given?: StageFile;
}

const NO_TEXTS = ["", " ", "-", "no good!", "Not_This", "https://"];
const TYPES: Readonly<Record<Node["type"], (value: unknown) => boolean>> = {
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  array: (value) => Array.isArray(value),
  string: (value) => typeof value === "string",
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
};

/** Values that a key must not have. At the top level, text is stored as it is: there is no other type. */
function findWrongValues(node: Node, topLevel: boolean): unknown[] {
  // A quantity: text or a number.
  if (node.anyOf)
    return [
      null,
      true,
      "many",
      ["x"],
      { x: 1 },
      -1,
      0,
      1e300,
      "-1Gi",
      "1.5.5",
      "1 Gi",
      "1KB",
      "1u",
    ];
  const others = [null, true, 7.5, "many", ["x"], { x: 1 }].filter(
    (value) => !TYPES[node.type](value),
  );
  if (node.type === "integer") return [...others, node.minimum! - 1, node.maximum! + 1];
  if (node.type !== "string") return others;
  const isText = (text: string) =>
    node.enum ? node.enum.includes(text) : !node.pattern || new RegExp(node.pattern).test(text);
  const texts = NO_TEXTS.filter((text) => !isText(text));
  return topLevel ? texts : [...others, ...texts];
}

const found = new Map<Node, unknown[]>();

function wrongValues(node: Node, topLevel: boolean): unknown[] {
  const values = found.get(node) ?? findWrongValues(node, topLevel);
  found.set(node, values);
  return values;
}

/** A key that the stage has or may have. */
interface Place {
  readonly path: Fault["path"];
  readonly node: Node;
  readonly value: any;
  readonly required: boolean;
}

function places({ path, node, value, required }: Place): Place[] {
  const inner = node.type === "object" && value !== undefined ? node.properties! : {};
  const below = Object.entries(inner).flatMap(([key, child]) =>
    places({
      path: [...path, key],
      node: child,
      value: value[key],
      required: node.required?.includes(key) ?? false,
    }),
  );
  return [{ path, node, value, required }, ...below];
}

const unknownKey = (path: Fault["path"]): Fault => ({
  path: [...path, "surprise"],
  value: CANARY,
  unknown: true,
});

function faultsAt({ path, node, value, required }: Place): Fault[] {
  const wrong = path.length ? wrongValues(node, path.length === 1) : [];
  const items = node.type === "array" && value?.length ? wrongValues(node.items!, false) : [];
  return [
    ...wrong.map((each) => ({ path, value: each })),
    ...items.map((each) => ({ path: [...path, 0], value: each })),
    ...(required ? [{ path, value: undefined }] : []),
    ...(node.type === "object" && value !== undefined ? [unknownKey(path)] : []),
  ];
}

/** The fault that a number selects; each key is equally likely. */
export function faultOf(stage: StageFile, choice: number): Fault {
  const all = places({ path: [], node: SCHEMA, value: stage, required: false });
  const faults = faultsAt(all[choice % all.length]!);
  // Some keys accept any text.
  return faults[Math.floor(choice / all.length) % faults.length] ?? unknownKey([]);
}

const replicas = { replicas: 3, autoscaling: { minReplicas: 2, maxReplicas: 3 } };
const amounts = { cpu: "1", memory: "1Gi" };
const resources = { requests: { ...amounts }, limits: { ...amounts } };
const withResources = (name: string) => ({
  [name]: { resources, ...(name === "database" && inCluster) },
  ...(name === "database" && { databaseUrl: undefined }),
});
const inCluster = { mode: "in-cluster", maxConnections: MOST_CONNECTIONS };
const operated = {
  ...inCluster,
  mode: "cloudnative-pg",
  image: "ghcr.io/cloudnative-pg/postgresql:17",
};
const noBackup = {
  backup: {},
  backupS3AccessKeyId: undefined,
  backupS3SecretAccessKey: undefined,
};
const external = { database: { mode: "external" }, ...noBackup };
const openai = { llm: { provider: "openai" }, openaiApiKey: CANARY };
const bucket = {
  database: inCluster,
  databaseUrl: undefined,
  backup: { enabled: true, s3: { endpoint: "https://s3.example.com", bucket: "backups" } },
};
const bucketKeys = { backupS3AccessKeyId: CANARY, backupS3SecretAccessKey: CANARY };
const email = "ops@todo-app.com";
const acme = { tls: { issuer: "acme", email, server: "https://ca.example.com" } };
const url = (rest: string) => `postgresql://todo:${CANARY}@${rest}`;

const PRIVATE_KEY = `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----\n`;

const fault = (key: string, values: readonly unknown[], given: StageFile = {}): Fault[] =>
  values.map((value) => ({ path: key.split("."), value, given }));

/** Keys that are wrong only beside others, or in a way that no pattern describes. */
export const RULE_FAULTS: readonly Fault[] = [
  ...["backend", "frontend"].flatMap((name) => [
    ...fault(`${name}.autoscaling.minReplicas`, [4, 50], { [name]: replicas }),
    ...fault(`${name}.replicas`, [1, 4], { [name]: replicas }),
  ]),
  ...["backend", "frontend", "database"].flatMap((name) => [
    ...fault(
      `${name}.resources.requests.memory`,
      ["1025Mi", "1100M", "1Ti", 2 ** 31],
      withResources(name),
    ),
    ...fault(`${name}.resources.requests.cpu`, ["1001m", "1.001", 1.5], withResources(name)),
  ]),
  ...fault(
    "databaseUrl",
    [
      undefined,
      "",
      ...["", "?sslmode=prefer", "?sslmode=require&pgbouncer=true"].map((end) =>
        url(`db/todo${end}`),
      ),
      ...["?sslcert=a", "?sslrootcert=a", "?options=a&options=b"].map((end) =>
        url(`db/todo${end}`),
      ),
      ...["db:99999/todo", "db:0/todo", "db", "db/", "db/todo#a", "a,b/todo", "db/%00"].map(url),
      ...[`9/${CANARY}`, `9#${CANARY}`, `9?${CANARY}`, `9@${CANARY}`, `9%${CANARY}`].map(
        (password) => `postgresql://todo:${password}@db/todo?sslmode=require`,
      ),
      `postgresql://db/todo?${CANARY}=@`,
      `mysql://todo:${CANARY}@db/todo?sslmode=require`,
    ],
    external,
  ),
  ...fault("development", [true], { protectResources: true, canary: undefined }),
  ...fault("database.caCertificate", [CERTIFICATE], {
    database: inCluster,
    databaseUrl: undefined,
  }),
  ...fault("database.caCertificate", [undefined, ""], {
    ...external,
    databaseUrl: url("db/todo?sslmode=verify-ca"),
  }),
  ...fault("database.image", ["docker.io/library/postgres:17", "postgres:17"], {
    database: { ...inCluster, mode: "cloudnative-pg" },
    ...noBackup,
    databaseUrl: undefined,
  }),
  ...fault("database.clusterName", ["new"], { database: inCluster, databaseUrl: undefined }),
  ...fault("database.clusterName", ["postgres", undefined], {
    ...bucket,
    ...bucketKeys,
    database: { ...operated, recovery: { clusterName: "postgres" } },
  }),
  ...fault("database.recovery", [{ clusterName: "old" }], {
    database: inCluster,
    databaseUrl: undefined,
  }),
  ...fault("backup.s3", [undefined], {
    database: operated,
    databaseUrl: undefined,
    ...noBackup,
    backup: { enabled: true },
  }),
  ...fault("backup.s3.endpoint", ["http://s3.example.com"], {
    ...bucket,
    ...bucketKeys,
    database: operated,
  }),
  ...fault("backup.enabled", [true], {
    ...external,
    databaseUrl: url("db/todo?sslmode=require"),
  }),
  ...fault(
    "backup.schedule",
    ["60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7", "* * * *"],
    noBackup,
  ),
  ...fault(
    "backup.schedule",
    ["5-3 * * * *", "*/0 * * * *", "1,,2 * * * *", "@daily", "a b c d e"],
    noBackup,
  ),
  ...["backupS3AccessKeyId", "backupS3SecretAccessKey"].flatMap((key) => [
    ...fault(key, [undefined, ""], { ...bucket, ...bucketKeys }),
    ...fault(key, [CANARY], { ...noBackup, database: inCluster, databaseUrl: undefined }),
  ]),
  ...fault("backup.s3.endpoint", ["https://s3.example.com/backups", "https://s3:99999"], {
    ...bucket,
    ...bucketKeys,
  }),
  ...fault("databaseUrl", [url("db/todo?sslmode=require")], { database: inCluster }),
  ...fault("database.maxConnections", [undefined, 804], {
    backend: { replicas: 50 },
    frontend: { replicas: 50 },
    database: { mode: "in-cluster" },
    databaseUrl: undefined,
    development: undefined, // there would be one pod of each
  }),
  ...fault("registryPassword", [CANARY], { registryUsername: undefined }),
  ...fault("openaiApiKey", [undefined, ""], openai),
  ...fault("registryPassword", [undefined, ""], { registryUsername: "ci" }),
  ...fault("llm.baseUrl", ["https://api.example.com:99999"], openai),
  ...fault("tracing.endpoint", ["http://[collector"], { tracing: {} }),
  ...fault("tls.server", [undefined, "", "https://ca.example.com:99999"], acme),
  ...fault("tls.server", ["https://acme-v02.api.letsencrypt.org/directory"], acme),
  ...fault("tls.server", ["https://ca.example.com"], { tls: { issuer: "none" } }),
  ...fault("tls.email", [undefined], acme),
  ...fault("tls.email", ["ops@Example.COM", "ops@team.test", "ops@10.0.0.1", "öps@todo-app.com"], {
    host: "todo-app.com",
    tls: { issuer: "letsencrypt-staging", email },
  }),
  ...fault("publicUrl", ["http://todo-app.com"], acme),
  ...fault("publicUrl", ["https://todo-app.com/", "https://a@todo-app.com", "https://todo:99999"]),
  ...fault("route.namespace", [undefined, ""], { route: { className: "haproxy" }, canary: {} }),
  ...fault("tls.caBundle", [`${CERTIFICATE}${PRIVATE_KEY}`, CERTIFICATE.slice(0, -5)], acme),
  ...fault("tls.caSecretName", [undefined, ""], { tls: { issuer: "ca", caSecretName: "ca" } }),
  ...fault("tls.secretName", [undefined, ""], { tls: { issuer: "secret", secretName: "tls" } }),
  ...fault("tls.caBundle", [CERTIFICATE], { tls: { issuer: "ca", caSecretName: "ca" } }),
  ...fault("tls.caSecretName", ["ca"], acme),
  ...fault("tls.secretName", ["tls"], acme),
  ...fault("tls.issuer", ["letsencrypt-staging", "letsencrypt-production"], {
    host: "todo.local",
    tls: { email },
  }),
];

/** The stage with one fault. */
export function withFault(stage: StageFile, { path, value, given }: Fault): StageFile {
  const broken = structuredClone({ ...stage, ...given });
  const last = path.at(-1)!;
  const parent = path.slice(0, -1).reduce<any>((object, key) => object[key], broken);
  if (value === undefined) Reflect.deleteProperty(parent, last);
  else parent[last] = value;
  return broken;
}
