/** Runs Pulumi code against mocks and records every registration as the engine would see it. */
import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";
import { SECRET_KEYS } from "../../../config/schema.ts";

/** Key and value with which the engine's protocol marks a secret. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

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
  readonly inputs: any;
}

/**
 * What the mocked providers answer in addition to the inputs, by type. An unknown type is an error, so that nothing is
 * mocked by accident.
 */
const OUTPUTS: Readonly<Record<string, (name: string, inputs: any) => Record<string, unknown>>> = {
  "docker:index/image:Image": (name, inputs) => ({
    repoDigest: `${inputs.imageName.replace(/:[^:/]*$/, "")}@sha256:${Buffer.from(name).toString("hex").padEnd(64, "0").slice(0, 64)}`,
  }),
  "random:index/randomPassword:RandomPassword": (name) => ({ result: `generated-${name}` }),
  "kubernetes:core/v1:Service": (name, inputs) => ({
    ...autoNamed(name, inputs),
    // The API server gives each Service an address, unless it is headless.
    spec: { clusterIP: "10.96.0.10", ...inputs.spec },
  }),
};

function autoNamed(name: string, inputs: any): Record<string, unknown> {
  return { metadata: { ...inputs.metadata, name: inputs.metadata?.name ?? `${name}-1a2b3c4d` } };
}

function reveal(value: any): any {
  if (Array.isArray(value)) return value.map(reveal);
  if (value === null || typeof value !== "object") return value;
  if (value[SIGNATURE] === SECRET) return { secret: reveal(value.value) };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reveal(inner)]));
}

// The SDK adds KUBECONFIG to a provider's inputs if the program states no kubeconfig. It is set here so that a golden
// file shows it in that case, and the test fails.
process.env.KUBECONFIG = "/home/operator/.kube/config";

// The settings of the local cluster leave out the digests of images.
delete process.env.TODO_APP_IMAGE_DIGESTS;

const mocks: pulumi.runtime.Mocks = {
  newResource({ type, name, inputs, custom }) {
    if (!custom) return { id: undefined, state: inputs };
    const known = OUTPUTS[type] ?? (type.startsWith("kubernetes:") ? autoNamed : undefined);
    if (!known && !type.startsWith("pulumi:")) throw new Error(`no mock for ${type} ${name}`);
    return { id: `${name}-id`, state: { ...inputs, ...known?.(name, inputs) } };
  },
  call({ token }) {
    throw new Error(`no mock for the call ${token}`);
  },
};

/**
 * Runs `program` under mocks, as a deploy of `stack` with `config` (keys and values as the engine passes them).
 *
 * @returns what the program exported and every registration, in order, once all of them are done
 */
export async function record<T>(
  program: () => T | Promise<T>,
  stack = "test",
  config: Readonly<Record<string, string>> = {},
): Promise<{ readonly exports: T; readonly resources: readonly Recorded[] }> {
  const resources: Recorded[] = [];
  await pulumi.runtime.setMocks(mocks, "todo-app", stack);
  const secrets = SECRET_KEYS.map((key) => `todo-app:${key}`);
  pulumi.runtime.setAllConfig({ ...config }, secrets);
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called on the monitor below
  const register = MockMonitor.prototype.registerResource;
  MockMonitor.prototype.registerResource = function (this: any, request: any, callback: any) {
    resources.push({
      type: request.getType(),
      name: request.getName(),
      urn: this.newUrn(request.getParent(), request.getType(), request.getName()),
      custom: request.getCustom(),
      parent: request.getParent(),
      provider: request.getProvider(),
      protect: request.getProtect(),
      retainOnDelete: request.getRetainondelete(),
      ignoreChanges: request.getIgnorechangesList(),
      dependsOn: request.getDependenciesList(),
      inputs: reveal(request.getObject().toJavaScript()),
    });
    return register.call(this, request, callback);
  };
  try {
    const exports = await program();
    await pulumi.runtime.disconnect();
    return { exports, resources };
  } finally {
    MockMonitor.prototype.registerResource = register;
  }
}

/**
 * Whether a recorded value is a secret. A volume that mounts a Secret also has the key `secret`, but not as its only
 * one.
 */
export const isSecret = (value: any): value is { secret: any } =>
  value !== null && typeof value === "object" && Object.keys(value).join() === "secret";

/**
 * Returns the value without secrets: `placeholder` replaces each secret, and each value of an object that is secret.
 */
export function redact(value: any, placeholder: string): any {
  if (Array.isArray(value)) return value.map((inner) => redact(inner, placeholder));
  if (value === null || typeof value !== "object") return value;
  if (isSecret(value)) {
    if (typeof value.secret !== "object") return placeholder;
    const keys = Object.keys(value.secret).sort();
    return Object.fromEntries(keys.map((key) => [key, placeholder]));
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, redact(inner, placeholder)]),
  );
}

/** The value of an output. */
export const valueOf = <T>(output: pulumi.Output<T>) =>
  new Promise<T>((resolve) => void output.apply((known) => resolve(known)));

/** The registrations of one kind, such as "Deployment". */
export const find = (resources: readonly Recorded[], kind: string) =>
  resources.filter(({ type }) => type.split(":").pop() === kind);
