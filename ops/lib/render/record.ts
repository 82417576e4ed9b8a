/** Runs Pulumi code against mocks and records every registration as the engine would see it: no engine, plugin or cluster is needed. */
import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";
import { PROJECT_NAME } from "../../../config/decode.ts";
import { NO_PREFLIGHT } from "../../../config/preflight.ts";
import { SECRET_KEYS } from "../../../config/schema.ts";
import { isMarkedSecret } from "../state/secrets.ts";
import { isObject, type Values } from "../yaml.ts";

/** One registered resource. In `inputs`, a secret stands as `{ secret: value }`. */
export interface Recorded {
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  readonly custom: boolean;
  readonly parent: string;
  readonly provider: string;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly ignoreChanges: readonly string[];
  readonly dependsOn: readonly string[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a resource takes depends on its type
  readonly inputs: any;
}

/** A resource that a mocked provider is to create. */
export interface Registration {
  readonly type: string;
  readonly name: string;
  readonly inputs: Values;
}

/** What the providers choose: names of objects, and digests of images. */
export interface Chosen {
  /** Whether an earlier deploy has created the resource. */
  readonly isDeployed: (resource: Registration) => boolean;
  /** The name of an object that states none. */
  readonly nameOf: (resource: Registration) => string;
  /** The reference to an image that the program builds. */
  readonly imageOf: (resource: Registration) => string;
}

/** Names and digests that are made of the resource's name, so that they are the same in each run. */
export const MADE_UP: Chosen = {
  isDeployed: () => false,
  nameOf: ({ name }) => `${name}-1a2b3c4d`,
  imageOf: ({ name, inputs }) => {
    const digest = Buffer.from(name).toString("hex").padEnd(64, "0").slice(0, 64);
    return `${String(inputs.imageName).replace(/:[^:/]*$/, "")}@sha256:${digest}`;
  },
};

/** What a mocked provider answers in addition to the inputs. An unknown type is an error, so that nothing is mocked by accident. */
function answer(resource: Registration, chosen: Chosen): Values {
  const { type, name, inputs } = resource;
  if (type.startsWith("kubernetes:")) {
    const metadata = isObject(inputs.metadata) ? inputs.metadata : {};
    const named = { metadata: { ...metadata, name: metadata.name ?? chosen.nameOf(resource) } };
    if (type !== "kubernetes:core/v1:Service") return named;
    // The API server gives each Service an address, unless it is headless.
    return { ...named, spec: { clusterIP: "10.96.0.10", ...(inputs.spec as Values) } };
  }
  if (type === "docker:index/image:Image") return { repoDigest: chosen.imageOf(resource) };
  if (type === "random:index/randomPassword:RandomPassword") return { result: `generated-${name}` };
  if (type.startsWith("pulumi:")) return {};
  throw new Error(`no mock for ${type} ${name}`);
}

const mocksOf = (chosen: Chosen): pulumi.runtime.Mocks => ({
  newResource({ type, name, inputs, custom }) {
    if (!custom) return { id: undefined, state: inputs as Values };
    const resource = { type, name, inputs: inputs as Values };
    return { id: `${name}-id`, state: { ...resource.inputs, ...answer(resource, chosen) } };
  },
  call({ token }) {
    throw new Error(`no mock for the call ${token}`);
  },
});

function reveal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reveal);
  if (!isObject(value)) return value;
  if (isMarkedSecret(value)) return { secret: reveal(value.value) };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reveal(inner)]));
}

/** The part of the SDK's request that is recorded. The SDK declares no types for it. */
interface Request {
  getType(): string;
  getName(): string;
  getCustom(): boolean;
  getParent(): string;
  getProvider(): string;
  getProtect(): boolean;
  getRetainondelete(): boolean;
  getIgnorechangesList(): readonly string[];
  getDependenciesList(): readonly string[];
  getObject(): { toJavaScript(): unknown };
}

/** The same for the monitor, which is the SDK's stand-in for the engine. */
interface Monitor {
  registerResource(request: Request, callback: unknown): unknown;
  newUrn(parent: string, type: string, name: string): string;
}

const recordOf = (monitor: Monitor, request: Request): Recorded => ({
  type: request.getType(),
  name: request.getName(),
  urn: monitor.newUrn(request.getParent(), request.getType(), request.getName()),
  custom: request.getCustom(),
  parent: request.getParent(),
  provider: request.getProvider(),
  protect: request.getProtect(),
  retainOnDelete: request.getRetainondelete(),
  ignoreChanges: request.getIgnorechangesList(),
  dependsOn: request.getDependenciesList(),
  inputs: reveal(request.getObject().toJavaScript()),
});

/**
 * Runs `program` under mocks, as a deploy of `stack` with `config` (keys and values as the engine passes them).
 *
 * @param chosen what the mocked providers choose @default names and digests that are made up
 * @returns what the program exported and every registration, in order, once all of them are done
 */
export async function record<T>(
  program: () => T | Promise<T>,
  stack = "test",
  config: Readonly<Record<string, string>> = {},
  chosen = MADE_UP,
): Promise<{ readonly exports: T; readonly resources: readonly Recorded[] }> {
  const resources: Recorded[] = [];
  process.env[NO_PREFLIGHT] = "1"; // no cluster is asked
  await pulumi.runtime.setMocks(mocksOf(chosen), PROJECT_NAME, stack);
  const secrets = SECRET_KEYS.map((key) => `${PROJECT_NAME}:${key}`);
  pulumi.runtime.setAllConfig({ ...config }, secrets);
  const prototype = MockMonitor.prototype as unknown as Monitor;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called on the monitor below
  const register = prototype.registerResource;
  prototype.registerResource = function (this: Monitor, request, callback) {
    resources.push(recordOf(this, request));
    return register.call(this, request, callback);
  };
  try {
    const exports = await program();
    await pulumi.runtime.disconnect();
    return { exports, resources };
  } finally {
    prototype.registerResource = register;
  }
}

/**
 * Whether a recorded value is a secret. A volume that mounts a Secret also has the key `secret`, but not as its only
 * one.
 */
export const isSecret = (value: unknown): value is { secret: unknown } =>
  isObject(value) && Object.keys(value).join() === "secret";

/**
 * Returns the value without secrets: `placeholder` replaces each secret, and each value of an object that is secret.
 */
export function redact(value: unknown, placeholder: string): unknown {
  if (Array.isArray(value)) return value.map((inner) => redact(inner, placeholder));
  if (!isObject(value)) return value;
  if (isSecret(value)) {
    if (!isObject(value.secret)) return placeholder;
    const keys = Object.keys(value.secret).sort();
    return Object.fromEntries(keys.map((key) => [key, placeholder]));
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, redact(inner, placeholder)]),
  );
}
