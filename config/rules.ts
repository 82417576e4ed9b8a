/** Rules between the keys of a stage file. They are checked once each key by itself is valid. */
import { neededConnections } from "../components/databaseConnections.ts";
import { canaryOf } from "../components/kubernetes/names.ts";
import { peakOf } from "../components/kubernetes/quota.ts";
import { DEFAULT_CLUSTER } from "../components/kubernetes/cloudNativePg.ts";
import { cpuMillicores, memoryBytes } from "../components/kubernetes/resources.ts";
import { BUCKET_KEYS } from "./bucketSchema.ts";
import { developmentProblem, podsOf } from "./development.ts";
import { DATABASE_URL_FORM, isPublicHost, isPublicMailbox } from "./formats.ts";
import { ACME_SERVERS, CONTROLLER_NAMESPACES, type Stage } from "./schema.ts";
import { SERVICES, SERVICE_NAMES, type ServiceName } from "./services.ts";
import { DNS_LABEL } from "./values.ts";

/** What is wrong with one key, and what is allowed there. */
export interface Problem {
  readonly path: PropertyKey[];
  readonly message: string;
  /**
   * Why the key must be removed: no key has that name (`unknown`), or nothing reads it (`unused`).
   * @default the key stays, and needs another value
   */
  readonly remove?: "unknown" | "unused";
}

type Reject = (path: PropertyKey[], allowed: string) => void;

function checkResources(
  path: PropertyKey[],
  { requests, limits }: Stage["backend"]["resources"],
  reject: Reject,
): void {
  if (memoryBytes(requests.memory) > memoryBytes(limits.memory))
    reject(
      [...path, "resources", "requests", "memory"],
      `at most limits.memory (${limits.memory})`,
    );
  if (limits.cpu && cpuMillicores(requests.cpu) > cpuMillicores(limits.cpu))
    reject([...path, "resources", "requests", "cpu"], `at most limits.cpu (${limits.cpu})`);
}

function checkAutoscaling(name: ServiceName, stage: Stage, reject: Reject): void {
  const { replicas, autoscaling } = stage[name];
  if (!autoscaling) return;
  const { minReplicas, maxReplicas } = autoscaling;
  if (minReplicas > maxReplicas)
    reject([name, "autoscaling", "minReplicas"], `at most maxReplicas (${maxReplicas})`);
  else if (replicas < minReplicas || replicas > maxReplicas)
    reject(
      [name, "replicas"],
      `from autoscaling's minReplicas (${minReplicas}) to maxReplicas (${maxReplicas})`,
    );
}

/** The services, and beside each of them its canary, where one runs. */
function workloadsOf(stage: Stage) {
  const { canary } = stage;
  const services = SERVICE_NAMES.map((name) => ({
    ...podsOf(name, stage),
    name,
    connections: SERVICES[name].connections,
  }));
  if (!canary.release) return services;
  const beside = { replicas: canary.replicas, autoscaling: undefined };
  return [
    ...services,
    ...services.map((each) => ({ ...each, ...beside, name: canaryOf(each.name) })),
  ];
}

/**
 * The quota must hold all workloads at their largest scale, with old and new pods, so that it never blocks a rollout.
 */
function checkQuota(stage: Stage, reject: Reject): void {
  const { quota } = stage;
  const peak = peakOf({ ...stage, services: workloadsOf(stage) });
  const because = `which ${SERVICE_NAMES.join(", ")}, database and migration need at their peak, when a rollout runs old and new pods`;
  if (quota.pods < peak.pods) reject(["quota", "pods"], `at least ${peak.pods}, ${because}`);
  if (cpuMillicores(quota.cpu) < peak.cpu)
    reject(["quota", "cpu"], `at least ${Math.ceil(peak.cpu / 1000)}, ${because}`);
  if (memoryBytes(quota.memory) < peak.memory)
    reject(["quota", "memory"], `at least ${Math.ceil(peak.memory / 2 ** 30)}Gi, ${because}`);
}

/** Values of sslmode that encrypt the connection. */
const ENCRYPTED_MODES = ["require", "verify-ca", "verify-full"];

/** What CloudNativePG needs of a bucket, and what it can be recovered from. */
function checkCluster({ database, backup }: Stage, reject: Reject): void {
  if (database.mode !== "cloudnative-pg") return;
  const because = "because database.mode is cloudnative-pg";
  if (backup.enabled && !backup.s3)
    reject(
      ["backup", "s3"],
      `a bucket (endpoint and bucket), ${because}: its write-ahead log is archived outside of the cluster`,
    );
  if (backup.enabled && backup.s3?.endpoint.startsWith("http:"))
    reject(
      ["backup", "s3", "endpoint"],
      `an https URL, ${because}: its backups are not encrypted before they are sent`,
    );
  if (!database.recovery) return;
  if (!backup.enabled)
    reject(
      ["backup", "enabled"],
      "true with backup.s3, because database.recovery is set: it reads that bucket",
    );
  if (database.recovery.clusterName === database.clusterName)
    reject(
      ["database", "clusterName"],
      "another name than database.recovery.clusterName: a new cluster needs a folder of its own in the bucket",
    );
}

function checkDatabase({ database, databaseUrl, backup }: Stage, reject: Reject): void {
  if (backup.enabled && database.mode === "external")
    reject(
      ["backup", "enabled"],
      `false, because database.mode is ${database.mode}: docs/backup.md says who makes its backups`,
    );
  if (database.mode === "cloudnative-pg" && /(^|\/)postgres(:|@|$)/.test(database.image))
    reject(
      ["database", "image"],
      "an image made for the operator, such as ghcr.io/cloudnative-pg/postgresql:17, because database.mode is cloudnative-pg",
    );
  if (database.mode !== "external") return;
  const sslMode = databaseUrl && new URL(databaseUrl).searchParams.get("sslmode");
  if (!databaseUrl)
    reject(["databaseUrl"], `${DATABASE_URL_FORM}; because database.mode is external`);
  else if (!ENCRYPTED_MODES.includes(sslMode ?? ""))
    reject(
      ["databaseUrl"],
      `a URL with sslmode=${ENCRYPTED_MODES.join(", ")}: the connection leaves the cluster, so it must be encrypted`,
    );
  if (sslMode === "verify-ca" && !database.caCertificate)
    reject(
      ["database", "caCertificate"],
      "the PEM of an authority, because databaseUrl has sslmode=verify-ca",
    );
}

function checkBucket({ backup, ...stage }: Stage, reject: Reject): void {
  for (const key of BUCKET_KEYS)
    if (backup.enabled && backup.s3 && !stage[key])
      reject([key], `that of a key for the bucket ${backup.s3.bucket}, because backup.s3 is set`);
}

/**
 * In a rollout, the old pods hold their connections until they are gone, and the new pods need theirs. An external
 * server is not checked: its owner decides how many connections it accepts.
 */
function checkConnections(stage: Stage, reject: Reject): void {
  const { database, backup } = stage;
  if (database.mode === "external") return;
  const { count, sum } = neededConnections(workloadsOf(stage), backup.enabled);
  if (database.maxConnections < count)
    reject(
      ["database", "maxConnections"],
      `at least ${count}: in a rollout at the largest scale there are ${sum}; ` +
        `or fewer pods (replicas, autoscaling.maxReplicas of ${SERVICE_NAMES.join(" and ")})`,
    );
}

/** Keys that a kind of issuer requires, and hosts that Let's Encrypt can certify. */
function checkIssuer({ tls, host }: Stage, reject: Reject): void {
  const because = `because tls.issuer is ${tls.issuer}`;
  const isAcme = tls.issuer === "acme" || tls.issuer in ACME_SERVERS;
  if (isAcme && !tls.email) reject(["tls", "email"], `an e-mail address, ${because}`);
  if (tls.issuer in ACME_SERVERS && tls.email && !isPublicMailbox(tls.email))
    reject(
      ["tls", "email"],
      "an e-mail address of a public domain: Let's Encrypt refuses this one for its account",
    );
  if (tls.issuer === "acme" && !tls.server)
    reject(["tls", "server"], `the ACME server's directory URL, ${because}`);
  if (tls.issuer === "ca" && !tls.caSecretName)
    reject(["tls", "caSecretName"], `the name of the authority's Secret, ${because}`);
  if (tls.issuer === "secret" && !tls.secretName)
    reject(["tls", "secretName"], `the name of a Secret of type kubernetes.io/tls, ${because}`);
  if (tls.issuer in ACME_SERVERS && !isPublicHost(host))
    reject(
      ["tls", "issuer"],
      `none, acme, ca or secret, because Let's Encrypt can't reach ${host}, and failed attempts use up its rate limits`,
    );
}

function checkMonitoring({ monitoring }: Stage, reject: Reject): void {
  if (monitoring.enabled && !monitoring.namespace)
    reject(
      ["monitoring", "namespace"],
      "the namespace that Prometheus runs in, because monitoring.enabled is true: the network policies let in nobody else",
    );
}

function checkDevelopment(stage: Stage, reject: Reject): void {
  const problem = stage.development && developmentProblem(stage);
  if (problem) reject(["development"], `false, because ${problem}`);
}

/** The namespace of the controller, and the scheme of the public URL. */
function checkRoute({ route, tls, publicUrl }: Stage, reject: Reject): void {
  if (!route.namespace)
    reject(
      ["route", "namespace"],
      `the namespace of the controller's pods; only the classes ${Object.keys(CONTROLLER_NAMESPACES).join(" and ")} have a default`,
    );
  if (tls.issuer !== "none" && publicUrl.startsWith("http:"))
    reject(["publicUrl"], `an https URL, because tls.issuer is ${tls.issuer}`);
}

/** A setting that nothing would read is taken for a mistake. */
function checkUnused({ tls, database, route, ...stage }: Stage, unused: Reject): void {
  if (stage.canary.release && route.kind !== "gateway")
    unused(["canary", "release"], "route.kind is not gateway, and an Ingress has no weights");
  if (route.proxies === "app-namespace" && route.kind !== "gateway")
    unused(["route", "proxies"], "route.kind is not gateway");
  if (/(^|\.)letsencrypt\.org$/.test(tls.server && new URL(tls.server).hostname))
    unused(
      ["tls", "server"],
      `for Let's Encrypt, set tls.issuer to ${Object.keys(ACME_SERVERS).join(" or ")}`,
    );
  for (const [key, issuer] of [
    ["server", "acme"],
    ["caBundle", "acme"],
    ["caSecretName", "ca"],
    ["secretName", "secret"],
  ] as const)
    if (tls[key] && tls.issuer !== issuer)
      unused(["tls", key], `only tls.issuer ${issuer} reads it`);
  if (database.mode !== "cloudnative-pg") {
    if (database.recovery) unused(["database", "recovery"], "database.mode is not cloudnative-pg");
    if (database.clusterName !== DEFAULT_CLUSTER)
      unused(["database", "clusterName"], "database.mode is not cloudnative-pg");
  }
  if (database.mode !== "external") {
    if (database.caCertificate)
      unused(["database", "caCertificate"], "database.mode is not external");
    if (stage.databaseUrl) unused(["databaseUrl"], "database.mode is not external");
  }
  for (const key of BUCKET_KEYS)
    if (stage[key] && !stage.backup.s3) unused([key], "backup.s3 is not set");
  if (stage.images.immutableTags && !stage.images.push)
    unused(["images", "immutableTags"], "images.push is false: no tag is pushed");
  if (stage.registryPassword && !stage.registryUsername)
    unused(["registryPassword"], "there is no registryUsername");
}

/** The namespace that a stack deploys to. */
export const namespaceOf = (stack: string, { namespace }: Pick<Stage, "namespace">) =>
  namespace || `todo-app-${stack}`;

/** Checks the rules between keys, each of which is valid by itself, and returns every problem. */
export function crossFieldProblems(stack: string, stage: Stage): Problem[] {
  const problems: Problem[] = [];
  const reject: Reject = (path, message) => problems.push({ path, message });
  if (!DNS_LABEL.test(namespaceOf(stack, stage)))
    reject(
      ["namespace"],
      `a DNS label; the default, todo-app-${stack}, is not one because of the stack's name`,
    );
  for (const name of SERVICE_NAMES) {
    checkAutoscaling(name, stage, reject);
    checkResources([name], stage[name].resources, reject);
  }
  checkResources(["database"], stage.database.resources, reject);
  checkQuota(stage, reject);
  checkDatabase(stage, reject);
  checkCluster(stage, reject);
  checkBucket(stage, reject);
  checkConnections(stage, reject);
  checkRoute(stage, reject);
  checkIssuer(stage, reject);
  checkMonitoring(stage, reject);
  checkDevelopment(stage, reject);
  checkUnused(stage, (path, reason) =>
    problems.push({ path, message: `no value, because ${reason}`, remove: "unused" }),
  );
  if (stage.llm.provider === "openai" && !stage.openaiApiKey)
    reject(["openaiApiKey"], "an API key, because llm.provider is openai");
  if (stage.registryUsername && !stage.registryPassword)
    reject(["registryPassword"], "the password of registryUsername");
  return problems;
}
