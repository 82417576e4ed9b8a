/**
 * The program's entry to the configuration: reads it, has it checked as a whole before the first resource, and adds what
 * follows from it. `Pulumi.yaml` declares the keys for `pulumi config`, `schema.ts` their shapes and bounds, `rules.ts` the
 * rules between them; `check.ts` tells what is wrong.
 */
import * as pulumi from "@pulumi/pulumi";
import type { ContainerImageArgs } from "../components/containerImage.ts";
import { outside, type Peer } from "../components/kubernetes/network.ts";
import type { PullSecretArgs } from "../components/pullSecret.ts";
import type { Tls } from "../components/tlsCertificate.ts";
import { asIntended, checkedStage, type IsEncrypted } from "./check.ts";
import { namespaceOf } from "./rules.ts";
import { ACME_SERVERS, type SECRET_KEYS, type Stage } from "./schema.ts";
import { imageReference } from "./pins.ts";
import { forEachService, type Service, type ServiceName } from "./services.ts";

/** A service outside the stack: what the app is told about it, and the connections to it; both empty without one. */
interface Integration {
  readonly settings: Readonly<Record<string, string>>;
  readonly callees: readonly Peer[];
}

/** The checked configuration of one stack; secrets are wrapped as secret outputs. */
export type StackConfig = Readonly<
  Omit<
    Stage,
    (typeof SECRET_KEYS)[number] | "registryUsername" | "images" | "tls" | "llm" | "tracing"
  > & {
    readonly stage: string;
    /** Where browsers find the app. */
    readonly publicUrl: string;
    /** How each image is built, or which one exists already. */
    readonly images: Readonly<Record<ServiceName, ContainerImageArgs>>;
    /** How nodes log in to the registry: by a Secret that is there, or by one to make; both absent if they need no login. */
    readonly pullSecretName?: string;
    readonly registryLogin?: Omit<PullSecretArgs, "namespace">;
    /** Present exactly when the database is external. */
    readonly databaseUrl?: pulumi.Output<string>;
    /** `externalPort` is the TCP port of `databaseUrl`. */
    readonly database: Stage["database"] & { readonly externalPort?: number };
    readonly llm: Stage["llm"] & Integration;
    readonly tracing: Stage["tracing"] & Integration;
    /** Absent without TLS. */
    readonly tls?: Tls;
    /** What the app is told about HTTPS; empty where browsers find it by HTTP. */
    readonly httpsSettings: Readonly<Record<string, string>>;
    readonly openaiApiKey?: pulumi.Output<string>;
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

function collector({ endpoint }: Stage["tracing"]): Integration {
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
  const {
    databaseUrl,
    openaiApiKey,
    registryUsername,
    registryPassword,
    images,
    tls,
    llm,
    tracing,
    ...stage
  } = checked;
  const secret = (value: string) => (value ? pulumi.secret(value) : undefined);
  const credentials = registryUsername
    ? { username: registryUsername, password: secret(registryPassword) }
    : undefined;
  const image = (name: ServiceName, { base }: Service): ContainerImageArgs => ({
    repository: `${images.registry}/${images.repository}/${name}`,
    tag: stack,
    context: `./app/${name}`,
    platform: images.platform,
    baseImage: imageReference(base, images.baseRegistry),
    cacheFrom: images.cacheFrom,
    push: images.push,
    prebuilt: images[name],
    credentials,
  });
  const publicUrl = addressOf(checked);
  const external = stage.database.mode === "external";
  return Object.freeze({
    ...stage,
    stage: stack,
    namespace: namespaceOf(stack, stage),
    publicUrl,
    images: forEachService(image),
    pullSecretName: images.pullSecretName || undefined,
    registryLogin:
      registryUsername && !images.pullSecretName
        ? {
            registry: images.registry,
            username: registryUsername,
            password: pulumi.secret(registryPassword),
          }
        : undefined,
    databaseUrl: external ? secret(databaseUrl) : undefined,
    database: { ...stage.database, externalPort: external ? urlPort(databaseUrl) : undefined },
    openaiApiKey: llm.provider === "openai" ? secret(openaiApiKey) : undefined,
    llm: { ...llm, ...languageModel(llm) },
    tracing: { ...tracing, ...collector(tracing) },
    tls: certificate(tls),
    httpsSettings: httpsSettings(publicUrl, tls),
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
