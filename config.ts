/**
 * What a stage file means, checked as a whole before the first resource.
 *
 * `Pulumi.yaml` declares the keys for `pulumi config`, `configSchema.ts` their shapes and bounds, `configRules.ts` the
 * rules between them; here is the report: every problem at once, each with the command that fixes it.
 */
import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import type { ContainerImageArgs } from "./components/containerImage.ts";
import { outside, type Peer } from "./components/kubernetes/network.ts";
import type { PullSecretArgs } from "./components/pullSecret.ts";
import type { Tls } from "./components/tlsCertificate.ts";
import { PROJECT, decode } from "./configDecode.ts";
import { crossFieldProblems, namespaceOf, type Problem } from "./configRules.ts";
import { ACME_SERVERS, SECRET_KEYS, stageSchema, type Stage } from "./configSchema.ts";
import { imageReference } from "./pins.ts";

/** What each image is built on. */
const BASES = { backend: "python", frontend: "node" } as const;

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
    /** How each image is built, or which one exists already. */
    readonly images: Readonly<Record<"backend" | "frontend", ContainerImageArgs>>;
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
    /** What the app is told about TLS; empty without. */
    readonly tlsSettings: Readonly<Record<string, string>>;
    readonly openaiApiKey?: pulumi.Output<string>;
  }
>;

function valueAt(values: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    values,
  );
}

/** As `pulumi config set --path` spells it. */
function dottedKey([key, ...inner]: readonly PropertyKey[]): string {
  const parts = inner.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`));
  return `${PROJECT}:${String(key)}${parts.join("")}`;
}

function shownValue(value: unknown, secret: boolean, isUnknown: boolean): string {
  if (isUnknown) return "unknown"; // its value may be that of a secret whose key is misspelt
  if (value === undefined || value === "") return "missing";
  return secret ? "[secret]" : JSON.stringify(value);
}

function describe(stack: string, values: Record<string, unknown>, problem: Problem): string {
  const [key, ...inner] = problem.path.map(String);
  const dotted = dottedKey(problem.path);
  const secret = isSecretKey(key ?? "");
  const shown = shownValue(valueAt(values, problem.path), secret, problem.remove === "unknown");
  // A certificate begins with dashes, which the command line would take for an option.
  const given = /\.ca(Certificate|Bundle)$/.test(dotted) ? "< file.pem" : "<value>";
  const flags = `--stack ${stack}${inner.length ? " --path" : ""}`;
  const fix = problem.remove
    ? `pulumi config rm ${flags} '${dotted}'`
    : `pulumi config set ${flags} ${secret ? `--secret '${dotted}'` : `'${dotted}' ${given}`}`;
  return `  ${dotted} is ${shown}; allowed: ${problem.message}\n    fix: ${fix}`;
}

const isSecretKey = (key: string) => (SECRET_KEYS as readonly string[]).includes(key);

/** Secrets that stand in the stage file for everybody to read. */
function secretsInClear(
  values: Readonly<Record<string, unknown>>,
  isEncrypted: (key: string) => boolean,
): Problem[] {
  const message = "an encrypted value; this one can be read in the stage file";
  return SECRET_KEYS.filter((key) => values[key] && !isEncrypted(`${PROJECT}:${key}`)).map(
    (key) => ({ path: [key], message }),
  );
}

const unknownKeys = ({ keys, path, message }: z.core.$ZodIssueUnrecognizedKeys): Problem[] =>
  keys.map((key) => ({ path: [...path, key], message, remove: "unknown" }));

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

function strictTransport({ issuer, hstsMaxAgeSeconds }: Stage["tls"]): Record<string, string> {
  // With 0 the header is sent too: it takes back what browsers were told before.
  if (issuer === "none") return {};
  return { HSTS_MAX_AGE: String(hstsMaxAgeSeconds) };
}

/**
 * Checks the raw configuration of a stack.
 *
 * @param stack the stack's name, for the namespace's default and the commands in error texts
 * @param raw every configuration key with its stored value, secrets decrypted, as `pulumi.runtime.allConfig()` gives it
 * @param isEncrypted whether the value of a key is stored encrypted; by default all are
 * @throws pulumi.RunError that lists every problem: the key, its value, what is allowed and the command that fixes it
 */
export function parseConfig(
  stack: string,
  raw: Readonly<Record<string, string>>,
  isEncrypted: (key: string) => boolean = () => true,
): StackConfig {
  const values = decode(raw);
  const parsed = stageSchema.safeParse(values);
  const found: Problem[] = parsed.success
    ? crossFieldProblems(stack, parsed.data)
    : parsed.error.issues.flatMap((issue) =>
        issue.code === "unrecognized_keys" ? unknownKeys(issue) : [issue],
      );
  const problems = [...secretsInClear(values, isEncrypted), ...found];
  if (!parsed.success || problems.length) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    const lines = problems.map((problem) => describe(stack, values, problem));
    throw new pulumi.RunError(
      `the configuration of stack ${stack} has ${count}:\n${lines.join("\n")}`,
    );
  }
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
  } = parsed.data;
  const secret = (value: string) => (value ? pulumi.secret(value) : undefined);
  const credentials = registryUsername
    ? { username: registryUsername, password: secret(registryPassword) }
    : undefined;
  const image = (name: "backend" | "frontend"): ContainerImageArgs => ({
    repository: `${images.registry}/${images.repository}/${name}`,
    tag: stack,
    context: `./app/${name}`,
    platform: images.platform,
    baseImage: imageReference(BASES[name], images.baseRegistry),
    cacheFrom: images.cacheFrom,
    push: images.push,
    prebuilt: images[name],
    credentials,
  });
  const external = stage.database.mode === "external";
  return Object.freeze({
    ...stage,
    stage: stack,
    namespace: namespaceOf(stack, stage),
    images: { backend: image("backend"), frontend: image("frontend") },
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
    tlsSettings: strictTransport(tls),
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
