/** Whether the cluster that a context leads to is the one that the stack was deployed to. */
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { OperatorError } from "../errors.ts";
import { run } from "../run.ts";
import { progress } from "../output.ts";
import { withLock } from "../engine/lock.ts";
import type { State } from "./state.ts";

/** A resource of the state, as far as it tells which cluster it is in. */
interface Recorded {
  readonly urn: string;
  readonly type: string;
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[]>>;
}

/** What tells a cluster from every other one: a namespace, and the uid that it was given. */
interface Identity {
  readonly namespace: string;
  readonly uid: string;
  /** When the namespace was created. */
  readonly since?: string;
}

const NAMESPACE = "kubernetes:core/v1:Namespace";

function namespaceIn(resources: readonly Recorded[], logicalName: string): Identity | undefined {
  const found = resources.find(
    ({ urn, type }) => type === NAMESPACE && urn.endsWith(`::${logicalName}`),
  );
  const { name, uid, creationTimestamp } = (found?.outputs?.metadata ?? {}) as {
    readonly name?: string;
    readonly uid?: string;
    readonly creationTimestamp?: string;
  };
  return name && uid ? { namespace: name, uid, since: creationTimestamp } : undefined;
}

/**
 * The identity that the state records; undefined before the first deploy. The stack's output `cluster` comes with the end of
 * a deploy, the namespace that it is read from at its beginning. Older states have neither, but the app's namespace.
 */
function recordedIdentity(resources: readonly Recorded[]): Identity | undefined {
  const output = resources.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs?.cluster;
  if (typeof output === "string") return { namespace: "kube-system", uid: output };
  return namespaceIn(resources, "kube-system") ?? namespaceIn(resources, "app");
}

const kubectl = (context: string, ...args: string[]) =>
  run(["kubectl", `--context=${context}`, "--request-timeout=10s", ...args]);

/** A namespace of the cluster that the context leads to; undefined where it has none of that name. */
async function liveNamespace(context: string, namespace: string): Promise<Identity | undefined> {
  const template = "--output=jsonpath={.metadata.uid} {.metadata.creationTimestamp}";
  const query = ["get", "namespace", namespace, "--ignore-not-found", template];
  const { code, stdout, output } = await kubectl(context, ...query);
  if (code !== 0)
    throw new OperatorError(
      `the identity of the cluster can't be read: ${output.trim()}`,
      `the credentials of context "${context}" must be allowed to get the namespace ${namespace}`,
    );
  const [uid, since] = stdout.trim().split(" ");
  return uid ? { namespace, uid, since } : undefined;
}

/**
 * Whether the context leads to the recorded cluster. The app's namespace may have been deleted by hand: without it, a cluster
 * is another one if it is younger than what was recorded in it.
 */
async function isSame(context: string, recorded: Identity): Promise<boolean> {
  const live = await liveNamespace(context, recorded.namespace);
  if (live) return live.uid === recorded.uid;
  const { since: born } = (await liveNamespace(context, "kube-system")) ?? {};
  return Boolean(born && recorded.since && Date.parse(born) <= Date.parse(recorded.since));
}

const nameOf = ({ namespace, uid }: Identity) => `namespace ${namespace} with the uid ${uid}`;

async function describe(context: string, { namespace }: Identity): Promise<string> {
  const template = "--output=jsonpath={.clusters[0].cluster.server}";
  const { stdout } = await kubectl(context, "config", "view", "--minify", template);
  const live = await liveNamespace(context, namespace);
  return `${live ? nameOf(live) : `no namespace ${namespace}`}, at ${stdout.trim()} (context "${context}")`;
}

/**
 * Compares the cluster of the context with the one that the stack records.
 *
 * @throws OperatorError that names both when they are different; nothing was changed then
 */
export async function verifyCluster(stage: string, state: State, context: string): Promise<void> {
  const recorded = recordedIdentity(state.deployment.resources ?? []);
  if (!recorded || (await isSame(context, recorded))) return;
  throw new OperatorError(
    `${stage} was deployed to another cluster, and nothing was changed:\n` +
      `  recorded: ${nameOf(recorded)}\n` +
      `  found:    ${await describe(context, recorded)}`,
    "point KUBECONFIG at the file of the recorded cluster; if that cluster is gone for good: " +
      `make up STAGE=${stage} NEW_CLUSTER=1 deploys everything anew; the secrets stay, data that was in that cluster must come from a backup`,
  );
}

/** What was in the cluster. Its registry may have been there too; an image that exists elsewhere comes out of the build cache. */
const isInCluster = ({ type }: Recorded) =>
  type.startsWith("kubernetes:") ||
  type === "pulumi:providers:kubernetes" ||
  type === "docker:index/image:Image";

/** The state without the cluster and everything in it. Generated secrets stay: what is made anew with them fits to backups. */
export function forgetCluster(state: State): State {
  const all: readonly Recorded[] = state.deployment.resources ?? [];
  const kept = all.filter((resource) => !isInCluster(resource));
  const known = new Set(kept.map(({ urn }) => urn));
  // The engine takes no state in which a resource depends on one that is not there.
  const existing = (urns: readonly string[]) => urns.filter((urn) => known.has(urn));
  const resources = kept.map((resource) => ({
    ...resource,
    // The stack's own: the identity that it records.
    ...(resource.outputs && { outputs: { ...resource.outputs, cluster: undefined } }),
    ...(resource.dependencies && { dependencies: existing(resource.dependencies) }),
    ...(resource.propertyDependencies && {
      propertyDependencies: Object.fromEntries(
        Object.entries(resource.propertyDependencies).map(([key, urns]) => [key, existing(urns)]),
      ),
    }),
  }));
  return { ...state, deployment: { ...state.deployment, resources, pending_operations: [] } };
}

/**
 * Has the stack forget the cluster that it was deployed to, unless the context still leads there.
 *
 * @returns the state that holds from now on
 */
export async function adoptNewCluster(stack: Stack, state: State, context: string): Promise<State> {
  const recorded = recordedIdentity(state.deployment.resources ?? []);
  if (!recorded || (await isSame(context, recorded))) return state;
  progress.write(
    `${stack.name} leaves its cluster (${nameOf(recorded)}) ` +
      `for ${await describe(context, recorded)}\n`,
  );
  const { version, deployment } = forgetCluster(state);
  await withLock(stack, () => stack.importStack({ version, deployment }));
  return { version, deployment };
}
