/**
 * What a stage file means, checked as a whole before the first resource.
 *
 * `Pulumi.yaml` declares the keys for `pulumi config`, `configSchema.ts` their shapes and bounds; here are the rules
 * between keys, and the report: every problem at once, each with the command that fixes it.
 */
import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import type { ContainerImageArgs } from "./components/containerImage.ts";
import { SECRET_KEYS, stageSchema, type Stage } from "./configSchema.ts";
import { outside, type Peer } from "./components/kubernetes/network.ts";
import { cpuMillicores, memoryBytes } from "./components/kubernetes/resources.ts";

const PROJECT = "todo-app";

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
    /** Present exactly when the database is external. */
    readonly databaseUrl?: pulumi.Output<string>;
    /** `externalPort` is the TCP port of `databaseUrl`. */
    readonly database: Stage["database"] & { readonly externalPort?: number };
    readonly llm: Stage["llm"] & Integration;
    readonly tracing: Stage["tracing"] & Integration;
    /** Absent without TLS. */
    readonly tls?: {
      readonly issuer: Exclude<Stage["tls"]["issuer"], "none">;
      readonly email: string;
    };
    readonly openaiApiKey?: pulumi.Output<string>;
  }
>;

type Problem = { readonly path: PropertyKey[]; readonly message: string; readonly fix?: string };

/** Rules between keys, checked once each key is right by itself. */
function crossFieldProblems(stage: Stage): Problem[] {
  const problems: Problem[] = [];
  const reject = (path: PropertyKey[], message: string) => problems.push({ path, message });
  for (const name of ["backend", "frontend"] as const) {
    const { replicas, autoscaling, resources } = stage[name];
    if (autoscaling && autoscaling.minReplicas > autoscaling.maxReplicas)
      reject(
        [name, "autoscaling", "minReplicas"],
        `at most maxReplicas (${autoscaling.maxReplicas})`,
      );
    else if (
      autoscaling &&
      (replicas < autoscaling.minReplicas || replicas > autoscaling.maxReplicas)
    )
      reject(
        [name, "replicas"],
        `from autoscaling's minReplicas (${autoscaling.minReplicas}) to maxReplicas (${autoscaling.maxReplicas})`,
      );
    if (memoryBytes(resources.requests.memory) > memoryBytes(resources.limits.memory))
      reject(
        [name, "resources", "requests", "memory"],
        `at most limits.memory (${resources.limits.memory})`,
      );
    if (
      resources.limits.cpu &&
      cpuMillicores(resources.requests.cpu) > cpuMillicores(resources.limits.cpu)
    )
      reject(
        [name, "resources", "requests", "cpu"],
        `at most limits.cpu (${resources.limits.cpu})`,
      );
  }
  if (stage.database.mode === "external" && !stage.databaseUrl)
    reject(
      ["databaseUrl"],
      "postgresql://user:password@host:port/database, because database.mode is external",
    );
  if (stage.llm.provider === "openai" && !stage.openaiApiKey)
    reject(["openaiApiKey"], "an API key, because llm.provider is openai");
  if (stage.tls.issuer !== "none" && !stage.tls.email)
    reject(["tls", "email"], `an e-mail address, because tls.issuer is ${stage.tls.issuer}`);
  if (stage.registryUsername && !stage.registryPassword)
    reject(["registryPassword"], "the password of registryUsername");
  return problems;
}

/** Turns the strings that Pulumi stores into values: objects and scalars other than strings are JSON. */
function decode(raw: Readonly<Record<string, string>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(raw)) {
    if (!key.startsWith(`${PROJECT}:`)) continue;
    const name = key.slice(PROJECT.length + 1);
    const schema = (stageSchema.shape as Record<string, z.ZodType | undefined>)[name];
    // A schema that objects to the type of a string is one for values that are stored as JSON.
    const isText = schema?.safeParse("").error?.issues.at(0)?.code !== "invalid_type";
    try {
      values[name] = isText ? value : JSON.parse(value);
    } catch {
      values[name] = value;
    }
  }
  return values;
}

function valueAt(values: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    values,
  );
}

function describe(stack: string, values: Record<string, unknown>, problem: Problem): string {
  const [key, ...inner] = problem.path.map(String);
  const dotted = [`${PROJECT}:${key}`, ...inner].join(".");
  const secret = (SECRET_KEYS as readonly string[]).includes(key ?? "");
  const value = valueAt(values, problem.path);
  const shown =
    value === undefined || value === "" ? "missing" : secret ? "[secret]" : JSON.stringify(value);
  const flags = `--stack ${stack}${inner.length ? " --path" : ""}${secret ? " --secret" : ""}`;
  const fix =
    problem.fix ?? `pulumi config set ${flags} '${dotted}' ${secret ? "" : "<value>"}`.trimEnd();
  return `  ${dotted} is ${shown}; allowed: ${problem.message}\n    fix: ${fix}`;
}

function unknownKeys(stack: string, issue: z.core.$ZodIssueUnrecognizedKeys): Problem[] {
  return issue.keys.map((key) => {
    const path = [...issue.path, key];
    const dotted = `${PROJECT}:${path.join(".")}`;
    const flags = `--stack ${stack}${path.length > 1 ? " --path" : ""}`;
    return {
      path,
      message: `${issue.message} (this key is unknown)`,
      fix: `pulumi config rm ${flags} '${dotted}'`,
    };
  });
}

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

/**
 * Checks the raw configuration of a stack.
 *
 * @param stack the stack's name, for the namespace's default and the commands in error texts
 * @param raw every configuration key with its stored value, secrets decrypted, as `pulumi.runtime.allConfig()` gives it
 * @throws pulumi.RunError that lists every problem: the key, its value, what is allowed and the command that fixes it
 */
export function parseConfig(stack: string, raw: Readonly<Record<string, string>>): StackConfig {
  const values = decode(raw);
  const parsed = stageSchema.safeParse(values);
  const problems: Problem[] = parsed.success
    ? crossFieldProblems(parsed.data)
    : parsed.error.issues.flatMap((issue) =>
        issue.code === "unrecognized_keys" ? unknownKeys(stack, issue) : [issue],
      );
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
    baseRegistry: images.baseRegistry,
    cacheFrom: images.cacheFrom,
    push: images.push,
    prebuilt: images[name],
    credentials,
  });
  const external = stage.database.mode === "external";
  return Object.freeze({
    ...stage,
    stage: stack,
    namespace: stage.namespace || `${PROJECT}-${stack}`,
    images: { backend: image("backend"), frontend: image("frontend") },
    databaseUrl: external ? secret(databaseUrl) : undefined,
    database: { ...stage.database, externalPort: external ? urlPort(databaseUrl) : undefined },
    openaiApiKey: secret(openaiApiKey),
    llm: { ...llm, ...languageModel(llm) },
    tracing: { ...tracing, ...collector(tracing) },
    tls: tls.issuer === "none" ? undefined : { issuer: tls.issuer, email: tls.email! },
  });
}

/** Reads and checks the configuration of the stack that is being deployed. */
export function loadConfig(): StackConfig {
  return parseConfig(pulumi.getStack(), pulumi.runtime.allConfig());
}
