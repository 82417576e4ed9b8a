/**
 * The program's entry to the configuration: reads it, has it checked as a whole before the first resource, and adds what
 * follows from it. `Pulumi.yaml` declares the keys for `pulumi config`, `schema.ts` their shapes and bounds, `rules.ts` the
 * rules between them; `check.ts` tells what is wrong.
 */
import * as pulumi from "@pulumi/pulumi";
import type { AppSecretsArgs } from "../components/appSecrets.ts";
import type { ContainerImageArgs } from "../components/containerImage.ts";
import { databasePeer } from "../components/postgres.ts";
import { outside, type Peer } from "../components/kubernetes/network.ts";
import type { PublicRouteArgs } from "../components/publicRoute.ts";
import type { PullSecretArgs } from "../components/pullSecret.ts";
import type { WebServiceArgs } from "../components/webService.ts";
import type { WorkloadArgs } from "../components/workload.ts";
import type { Tls } from "../components/tlsCertificate.ts";
import { asIntended, checkedStage, type IsEncrypted } from "./check.ts";
import { namespaceOf } from "./rules.ts";
import { ACME_SERVERS, type Stage } from "./schema.ts";
import { imageReference } from "./pins.ts";
import { forEachService, type Service, type ServiceName } from "./services.ts";

/** A service outside the stack: what the app is told about it, and the connections to it; both empty without one. */
interface Integration {
  readonly settings: Readonly<Record<string, string>>;
  readonly callees: readonly Peer[];
}

/** The checked configuration of one stack, by what the components need; secrets are wrapped as secret outputs. */
export type StackConfig = Readonly<
  Pick<
    Stage,
    "kubernetesContext" | "namespace" | "protectResources" | "quota" | "database" | ServiceName
  > & {
    readonly stage: string;
    /** What the pods of every workload have in common. */
    readonly pods: Pick<WorkloadArgs, "priorityClassName" | "rolloutTimeoutSeconds">;
    /** What every web service has in common. */
    readonly web: Pick<WebServiceArgs, "placement" | "metricsReader">;
    /** How each image is built, or which one exists already. */
    readonly images: Readonly<Record<ServiceName, ContainerImageArgs>>;
    /** How nodes log in to the registry: by a Secret that is there, or by one to make; both absent if they need no login. */
    readonly pullSecretName?: string;
    readonly registryLogin?: Omit<PullSecretArgs, "namespace">;
    /** What secrets are made of. */
    readonly secrets: Omit<AppSecretsArgs, "namespace">;
    /** The database's end of a connection. */
    readonly databasePeer: Peer;
    /** What the backend is told about the language model, and the connection to it. */
    readonly llm: Integration;
    /** The connections to the collector of traces. */
    readonly tracing: Pick<Integration, "callees">;
    /** Where browsers find the app, and how. */
    readonly address: Pick<PublicRouteArgs, "host" | "publicUrl" | "tls" | "route">;
    /** What every service is told: the stage, the public address, HTTPS, tracing. */
    readonly settings: Readonly<Record<string, string>>;
    /** What the service with the accounts is told: where to read the browser's address. */
    readonly proxySettings: Readonly<Record<string, string>>;
  }
>;

const DEFAULT_PORTS = { "postgresql:": 5432, "postgres:": 5432, "https:": 443, "http:": 80 };

function urlPort(address: string): number {
  const { port, protocol } = new URL(address);
  return Number(port || DEFAULT_PORTS[protocol as keyof typeof DEFAULT_PORTS]);
}

function languageModel({ provider, model, baseUrl }: Stage["llm"]): Integration {
  if (provider === "builtin") return { settings: { LLM_PROVIDER: provider }, callees: [] };
  return {
    settings: { LLM_PROVIDER: provider, LLM_MODEL: model, OPENAI_BASE_URL: baseUrl },
    callees: [outside(urlPort(baseUrl))],
  };
}

function tracesTo({ endpoint }: Stage["tracing"]): Integration {
  if (!endpoint) return { settings: {}, callees: [] };
  return {
    settings: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
    callees: [outside(urlPort(endpoint))],
  };
}

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
    // With 0 the header is sent too: it takes back what browsers were told before.
    HSTS_MAX_AGE: String(tls.hstsMaxAgeSeconds),
    // Where TLS ends in front of the controller, it may report HTTP for everything: a redirect would never end.
    HTTPS_REDIRECT: String(tls.issuer !== "none"),
  };
}

const secret = (value: string) => (value ? pulumi.secret(value) : undefined);

function secretsOf(stage: Stage): StackConfig["secrets"] {
  const { database, databaseUrl, llm, openaiApiKey, secretVersions } = stage;
  return {
    versions: secretVersions,
    databaseMode: database.mode,
    databaseUrl: database.mode === "external" ? secret(databaseUrl) : undefined,
    databaseCa: database.caCertificate,
    openaiApiKey: llm.provider === "openai" ? secret(openaiApiKey) : undefined,
  };
}

/** The images, and how the nodes may pull them. */
function imagesOf(
  stack: string,
  { images, registryUsername: username, registryPassword }: Stage,
): Pick<StackConfig, "images" | "pullSecretName" | "registryLogin"> {
  const { registry, pullSecretName } = images;
  const login = username ? { username, password: pulumi.secret(registryPassword) } : undefined;
  const image = (name: ServiceName, { base }: Service): ContainerImageArgs => ({
    repository: `${registry}/${images.repository}/${name}`,
    tag: stack,
    context: `./app/${name}`,
    platform: images.platform,
    baseImage: imageReference(base, images.baseRegistry),
    cacheFrom: images.cacheFrom,
    push: images.push,
    prebuilt: images[name],
    credentials: login,
  });
  return {
    images: forEachService(image),
    pullSecretName: pullSecretName || undefined,
    registryLogin: login && !pullSecretName ? { registry, ...login } : undefined,
  };
}

/**
 * Checks the raw configuration of a stack.
 *
 * @param stack the stack's name, for the namespace's default and the commands in error texts
 * @param raw every configuration key with its stored value, secrets decrypted, as `pulumi.runtime.allConfig()` gives it
 * @param isEncrypted whether the value of a key is stored encrypted @default those that must be
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
  const collector = tracesTo(checked.tracing);
  return Object.freeze({
    kubernetesContext: checked.kubernetesContext,
    protectResources: checked.protectResources,
    quota: checked.quota,
    database,
    ...forEachService((name) => checked[name]),
    stage: stack,
    namespace: namespaceOf(stack, checked),
    pods: { priorityClassName, rolloutTimeoutSeconds },
    web: { placement, metricsReader: monitoring.namespace },
    ...imagesOf(stack, checked),
    secrets: secretsOf(checked),
    databasePeer: databasePeer(database.mode, external ? urlPort(databaseUrl) : undefined),
    llm: languageModel(checked.llm),
    tracing: { callees: collector.callees },
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

/** Reads and checks the configuration of the stack that is being deployed. */
export function loadConfig(): StackConfig {
  // The SDK has this function, but leaves it out of its types.
  const { isConfigSecret } = pulumi.runtime as unknown as {
    readonly isConfigSecret: (key: string) => boolean;
  };
  return parseConfig(pulumi.getStack(), pulumi.runtime.allConfig(), isConfigSecret);
}
