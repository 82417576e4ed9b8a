/**
 * Reads the configuration for the program. It is checked as a whole before the first resource is created, and the
 * values that follow from it are added. `Pulumi.yaml` declares the keys for `pulumi config`, `schema.ts` their shapes
 * and bounds, `rules.ts` the rules between them; `check.ts` writes the errors.
 */
import * as pulumi from "@pulumi/pulumi";
import type { AppSecretsArgs } from "../components/appSecrets.ts";
import type { CanaryArgs } from "../components/canary.ts";
import { CERTIFICATE, type Tls } from "../components/tlsCertificate.ts";
import type { ContainerImageArgs } from "../components/containerImage.ts";
import { databasePeer, type PostgresArgs } from "../components/postgres.ts";
import { outside, type Peer } from "../components/kubernetes/network.ts";
import type { PublicRouteArgs } from "../components/publicRoute.ts";
import type { MonitoringArgs } from "../components/monitoring.ts";
import type { PullSecretArgs } from "../components/pullSecret.ts";
import type { WebServiceArgs } from "../components/webService.ts";
import type { WorkloadArgs } from "../components/workload.ts";
import { appMonitoring } from "./appMonitoring.ts";
import { asIntended, checkedStage, type IsEncrypted } from "./check.ts";
import { longestGapSeconds } from "./cron.ts";
import { PROJECT_NAME } from "./decode.ts";
import { developmentOf, podsOf } from "./development.ts";
import { imageOf } from "./images.ts";
import { languageModel, traceCollector, urlPort, type Integration } from "./integrations.ts";
import { isPreflightDue } from "./preflight.ts";
import { namespaceOf } from "./rules.ts";
import { ACME_SERVERS, type Stage } from "./schema.ts";
import { SERVICE_NAMES, forEachService, type ServiceName } from "./services.ts";

/** The checked configuration of one stack, grouped as the components need it. Secrets are wrapped as secret outputs. */
export type StackConfig = Readonly<
  // Number, sizes and form of the pods of each service.
  Record<ServiceName, Stage[ServiceName] & Pick<WebServiceArgs, "development">>
> &
  Readonly<
    Pick<Stage, "kubernetesContext" | "namespace" | "preflight" | "protectResources" | "quota"> & {
      readonly stage: string;
      /** Arguments of `Postgres`. */
      readonly database: Stage["database"] &
        Pick<PostgresArgs, "backup" | "archive" | "metricsReader">;
      /** Arguments that all workloads have in common. */
      readonly pods: Pick<WorkloadArgs, "priorityClassName" | "rolloutTimeoutSeconds">;
      /** Arguments that all web services have in common. */
      readonly web: Pick<WebServiceArgs, "placement" | "metricsReader">;
      /** How each image is built, or which existing image is used. */
      readonly images: Readonly<Record<ServiceName, ContainerImageArgs>>;
      /** The release that runs beside the deployed one, whose images are then those of `images`. @default none */
      readonly canary?: Pick<CanaryArgs, "weight" | "replicas"> & {
        /** How its images are built, or which existing ones are used. */
        readonly images: Readonly<Record<ServiceName, ContainerImageArgs>>;
        /** What the commands have noted about it. */
        readonly release: NonNullable<Stage["canary"]["release"]>;
      };
      /**
       * How nodes log in to the registry: with an existing Secret (`pullSecretName`), or with a Secret to create from
       * `registryLogin`. Both are absent if nodes need no login.
       */
      readonly pullSecretName?: string;
      readonly registryLogin?: Omit<PullSecretArgs, "namespace">;
      /** Arguments of `AppSecrets`. */
      readonly secrets: Omit<AppSecretsArgs, "namespace">;
      /** The database as a peer of network connections. */
      readonly databasePeer: Peer;
      /** Environment variables that tell the backend about the language model, and the peer to call. */
      readonly llm: Integration;
      /** The peer that collects traces. The environment variables for it are in `settings`. */
      readonly tracing: Pick<Integration, "callees">;
      /** Arguments of `Monitoring`; absent if nobody watches the app. */
      readonly monitoring?: Omit<MonitoringArgs, "namespace">;
      /** The app's public address, and the route to it. */
      readonly address: Pick<PublicRouteArgs, "host" | "publicUrl" | "tls" | "route">;
      /** Environment variables of every service: the stage, the public URL, HTTPS, tracing. */
      readonly settings: Readonly<Record<string, string>>;
      /** Environment variables of the frontend, which has the accounts: where requests state the browser's IP address. */
      readonly proxySettings: Readonly<Record<string, string>>;
    }
  >;

function certificate({ issuer, ...tls }: Stage["tls"]): Tls | undefined {
  const { secretName, caSecretName, caBundle, renewBeforePercentage } = tls;
  if (issuer === "none") return undefined;
  if (issuer === "secret") return { issuer, secretName };
  if (issuer === "ca") return { issuer, caSecretName, renewBeforePercentage };
  const server = issuer === "acme" ? tls.server : ACME_SERVERS[issuer];
  return { issuer, server, email: tls.email!, caBundle, renewBeforePercentage };
}

function addressOf({ publicUrl, host, tls }: Stage): string {
  return publicUrl || `${tls.issuer === "none" ? "http" : "https"}://${host}`;
}

function httpsSettings(publicUrl: string, tls: Stage["tls"]): Record<string, string> {
  if (!publicUrl.startsWith("https:")) return {};
  return {
    // 0 is sent too: it makes browsers forget an earlier value.
    HSTS_MAX_AGE: String(tls.hstsMaxAgeSeconds),
    // If TLS ends in front of the controller, the controller may report HTTP for every request, and a redirect would
    // never end.
    HTTPS_REDIRECT: String(tls.issuer !== "none"),
  };
}

const secret = (value: string) => (value ? pulumi.secret(value) : undefined);

function secretsOf(stage: Stage): StackConfig["secrets"] {
  const { backup, database, databaseUrl, llm, openaiApiKey, secretVersions } = stage;
  const { backupS3AccessKeyId: id, backupS3SecretAccessKey: key } = stage;
  const s3 = backup.enabled ? backup.s3 : undefined;
  return {
    versions: secretVersions,
    databaseMode: database.mode,
    clusterName: database.clusterName,
    databaseUrl: database.mode === "external" ? secret(databaseUrl) : undefined,
    databaseCa: database.caCertificate,
    backup: backup.enabled,
    bucketKey: s3 && { id: pulumi.secret(id), key: pulumi.secret(key), region: s3.region },
    openaiApiKey: llm.provider === "openai" ? secret(openaiApiKey) : undefined,
  };
}

/** How the database is backed up, which depends on who runs it. */
function backupOf(
  stack: string,
  { backup, ...stage }: Stage,
): Pick<PostgresArgs, "backup" | "archive"> {
  const { enabled, s3, schedule, keep, keepDays, storage } = backup;
  if (!enabled) return {};
  if (!s3) return { backup: { schedule, keep, storage } };
  const { endpoint, region, bucket } = s3;
  const prefix = s3.prefix || namespaceOf(stack, stage);
  const callees = [outside(urlPort(endpoint))];
  if (stage.database.mode === "cloudnative-pg")
    return { archive: { schedule, keepDays, endpoint, region, bucket, prefix, callees } };
  const settings = {
    S3_ENDPOINT: endpoint,
    S3_REGION: region,
    S3_BUCKET: bucket,
    S3_PREFIX: prefix,
  };
  const own = { image: s3.image, settings, callees };
  return { backup: { schedule, keep, storage, bucket: own } };
}

const labelsOf = (list: readonly string[]) =>
  Object.fromEntries(list.map((label) => label.split("=") as [string, string]));

function monitoringOf({ monitoring, tls, backup, database }: Stage): StackConfig["monitoring"] {
  if (!monitoring.enabled) return undefined;
  const isIssued = tls.issuer !== "none" && tls.issuer !== "secret";
  const isArchived = backup.enabled && database.mode === "cloudnative-pg";
  return {
    services: SERVICE_NAMES,
    certificate: isIssued ? CERTIFICATE : undefined,
    backup: backup.enabled && !isArchived,
    archive: isArchived ? { longestGap: longestGapSeconds(backup.schedule) } : undefined,
    labels: labelsOf(monitoring.labels),
    dashboardLabels: labelsOf(monitoring.dashboardLabels),
    runbooks: monitoring.runbooks,
    app: appMonitoring,
  };
}

/** The images, and how the nodes may pull them. */
function imagesOf(
  stack: string,
  { images, canary, development, registryUsername: username, registryPassword }: Stage,
): Pick<StackConfig, "images" | "canary" | "pullSecretName" | "registryLogin"> {
  const { registry, pullSecretName } = images;
  const login = username ? { username, password: pulumi.secret(registryPassword) } : undefined;
  const image = (name: ServiceName): ContainerImageArgs => ({
    ...imageOf(name, images),
    target: developmentOf(name, { development }) && "development",
    tag: stack,
    cacheFrom: images.cacheFrom,
    push: images.push,
    immutableTags: images.immutableTags,
    prebuilt: images[name],
    credentials: login,
  });
  const { release, replicas } = canary;
  const stable = (name: ServiceName): ContainerImageArgs => ({
    ...image(name),
    prebuilt: release?.stable[name] ?? images[name],
  });
  return {
    images: forEachService(stable),
    canary: release && {
      weight: release.weight,
      replicas,
      images: forEachService(image),
      release,
    },
    pullSecretName: pullSecretName || undefined,
    registryLogin: login && !pullSecretName ? { registry, ...login } : undefined,
  };
}

/**
 * Checks the raw configuration of a stack, and derives from it what the components need.
 *
 * @param stack the stack's name, for the namespace's default and the commands in error texts
 * @param raw every configuration key with its stored value, secrets decrypted, as `pulumi.runtime.allConfig()` gives it
 * @param isEncrypted whether the value of a key is stored encrypted
 * @default exactly the keys that hold secrets
 * @throws pulumi.RunError that lists every problem: the key, its value, what is allowed and the command that fixes it
 */
export function parseConfig(
  stack: string,
  raw: Readonly<Record<string, string>>,
  isEncrypted: IsEncrypted = asIntended,
): StackConfig {
  const checked = checkedStage(stack, raw, isEncrypted);
  const { host, tls, route, database, databaseUrl, placement, monitoring } = checked;
  const { priorityClassName, rolloutTimeoutSeconds } = checked;
  const publicUrl = addressOf(checked);
  const external = database.mode === "external";
  const collector = traceCollector(checked.tracing);
  return Object.freeze({
    kubernetesContext: checked.kubernetesContext,
    protectResources: checked.protectResources,
    quota: checked.quota,
    preflight: isPreflightDue(checked),
    database: {
      ...database,
      ...backupOf(stack, checked),
      metricsReader: monitoring.namespace,
    },
    ...forEachService((name) => ({
      ...podsOf(name, checked),
      ...(developmentOf(name, checked) && { development: true }),
    })),
    stage: stack,
    namespace: namespaceOf(stack, checked),
    pods: { priorityClassName, rolloutTimeoutSeconds },
    web: { placement, metricsReader: monitoring.namespace },
    ...imagesOf(stack, checked),
    secrets: secretsOf(checked),
    databasePeer: databasePeer(database.mode, external ? urlPort(databaseUrl) : undefined),
    llm: languageModel(checked.llm),
    tracing: { callees: collector.callees },
    monitoring: monitoringOf(checked),
    address: { host, publicUrl, tls: certificate(tls), route },
    settings: {
      ENVIRONMENT: stack,
      FRONTEND_URL: publicUrl,
      ...httpsSettings(publicUrl, tls),
      ...collector.settings,
    },
    proxySettings: {
      CLIENT_IP_HEADER: route.clientIpHeader,
      TRUSTED_PROXIES: String(route.trustedProxies),
    },
  });
}

/**
 * @throws pulumi.RunError where the project has another name: `pulumi config set host` then sets a key that nothing reads, and
 * the defaults of `Pulumi.yaml` are those of other keys
 */
function requireProjectName(): void {
  const name = pulumi.getProject();
  if (name === PROJECT_NAME) return;
  throw new pulumi.RunError(
    `the project is named ${name}, but its settings are those of ${PROJECT_NAME}: the keys in Pulumi.<stage>.yaml begin with ${PROJECT_NAME}:\n` +
      `  fix: write "name: ${PROJECT_NAME}" into Pulumi.yaml; the stack, the namespace and the images can have any name`,
  );
}

/** Reads and checks the configuration of the stack that is being deployed. */
export function loadConfig(): StackConfig {
  requireProjectName();
  // The SDK has this function, but its types do not declare it.
  const { isConfigSecret } = pulumi.runtime as unknown as {
    readonly isConfigSecret: (key: string) => boolean;
  };
  return parseConfig(pulumi.getStack(), pulumi.runtime.allConfig(), isConfigSecret);
}
