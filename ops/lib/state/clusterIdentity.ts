/** Checks whether a context leads to the cluster that the stack was deployed to. */
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { OperatorError } from "../errors.ts";
import { run } from "../run.ts";
import { progress } from "../output.ts";
import { withLock } from "../engine/lock.ts";
import type { State } from "./state.ts";

/** The part of a resource in the state that shows which cluster it is in. */
interface Recorded {
  readonly urn: string;
  readonly type: string;
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[]>>;
}

/** What identifies a cluster: the uid of one of its namespaces. */
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
 * The identity that the state records; undefined before the first deploy. A finished deploy records it in the stack's output
 * `cluster`. A deploy that did not finish has recorded the namespace kube-system, which it reads first. States from before these
 * two were recorded have the namespace of the app.
 */
function recordedIdentity(resources: readonly Recorded[]): Identity | undefined {
  const output = resources.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs?.cluster;
  if (typeof output === "string") return { namespace: "kube-system", uid: output };
  return namespaceIn(resources, "kube-system") ?? namespaceIn(resources, "app");
}

const kubectl = (context: string, ...args: string[]) =>
  run(["kubectl", `--context=${context}`, "--request-timeout=10s", ...args]);

/** A namespace of the cluster that the context leads to; undefined where the namespace does not exist. */
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
 * Whether the context leads to the recorded cluster. Where the recorded namespace does not exist, it may have been deleted by
 * hand. The cluster then counts as the recorded one, unless it is younger than that namespace.
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
 * @throws OperatorError that names both clusters when they are different, before anything is changed
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

/**
 * Whether a resource goes with its cluster. Images count too: the registry may have been in the cluster. Where it was not, the
 * next deploy gets them from the build cache.
 */
const isInCluster = ({ type }: Recorded) =>
  type.startsWith("kubernetes:") ||
  type === "pulumi:providers:kubernetes" ||
  type === "docker:index/image:Image";

/** The state without the cluster and everything in it. Generated secrets stay, so that restored backups still fit them. */
export function forgetCluster(state: State): State {
  const all: readonly Recorded[] = state.deployment.resources ?? [];
  const kept = all.filter((resource) => !isInCluster(resource));
  const known = new Set(kept.map(({ urn }) => urn));
  // The engine refuses a state in which a resource depends on one that is missing.
  const existing = (urns: readonly string[]) => urns.filter((urn) => known.has(urn));
  const resources = kept.map((resource) => ({
    ...resource,
    // Removes the identity from the stack's outputs.
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
 * Removes the cluster from the stack's state, unless the context still leads to that cluster.
 *
 * @returns the stack's state after that
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
