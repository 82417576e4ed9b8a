/** Whether the cluster that a context leads to is the one that the stack was deployed to. */
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { OperatorError, run } from "./command.ts";
import type { State } from "./recover.ts";

/** A resource of the state, as far as it tells which cluster it is in. */
interface Recorded {
  readonly urn: string;
  readonly type: string;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** Namespaces by which a cluster is known: of every cluster, and of one whose state is older than the output `cluster`. */
interface Identity {
  readonly namespace: string;
  readonly uid: string;
}

/** The identity that the state records; undefined before the first deploy. */
export function recordedIdentity(resources: readonly Recorded[] = []): Identity | undefined {
  const stack = resources.find(({ type }) => type === "pulumi:pulumi:Stack");
  if (typeof stack?.outputs?.cluster === "string")
    return { namespace: "kube-system", uid: stack.outputs.cluster };
  const own = resources.find(
    ({ urn, type }) => type === "kubernetes:core/v1:Namespace" && urn.endsWith("::app"),
  );
  const { name, uid } = (own?.outputs?.metadata ?? {}) as { name?: string; uid?: string };
  return name && uid ? { namespace: name, uid } : undefined;
}

/** The resources that are in no cluster: generated secrets and images. */
export const outsideOfCluster = <T extends Recorded>(resources: readonly T[] = []): T[] =>
  resources.filter(
    ({ type }) => !type.startsWith("kubernetes:") && type !== "pulumi:providers:kubernetes",
  );

const kubectl = (context: string, ...args: string[]) =>
  run(["kubectl", `--context=${context}`, "--request-timeout=10s", ...args]);

async function liveUid(context: string, { namespace }: Identity): Promise<string> {
  const query = ["get", "namespace", namespace, "--ignore-not-found"];
  const { code, stdout, output } = await kubectl(
    context,
    ...query,
    "--output=jsonpath={.metadata.uid}",
  );
  if (code !== 0)
    throw new OperatorError(
      `the identity of the cluster can't be read: ${output.trim()}`,
      `the deploy's credentials must be allowed to get the namespace ${namespace}`,
    );
  return stdout.trim() || "no such namespace";
}

async function serverOf(context: string): Promise<string> {
  const template = "--output=jsonpath={.clusters[0].cluster.server}";
  return (await kubectl(context, "config", "view", "--minify", template)).stdout.trim();
}

/**
 * Compares the cluster of the context with the one that the stack records.
 *
 * With `NEW_CLUSTER=1` in the environment, what the state says of another cluster is forgotten instead; the secrets stay.
 *
 * @throws OperatorError that names both when they are different; nothing was changed then
 */
export async function verifyCluster(
  stack: Stack,
  { version, deployment }: State,
  context: string,
): Promise<void> {
  const recorded = recordedIdentity(deployment.resources);
  if (!recorded) return;
  const live = await liveUid(context, recorded);
  if (live === recorded.uid) return;
  const other = `the namespace ${recorded.namespace} has the uid ${recorded.uid} there`;
  if (process.env.NEW_CLUSTER === "1") {
    process.stdout.write(`forgetting the cluster that ${stack.name} was deployed to (${other})\n`);
    const resources = outsideOfCluster(deployment.resources);
    await stack.importStack({
      version,
      deployment: { ...deployment, resources, pending_operations: [] },
    });
    return;
  }
  throw new OperatorError(
    `stack ${stack.name} was deployed to another cluster than that of context "${context}":\n` +
      `  recorded: ${other}\n` +
      `  context "${context}" (${await serverOf(context)}): ${live}\n` +
      "  nothing was changed",
    "point KUBECONFIG at the file of the recorded cluster; if that cluster is gone for good: " +
      `make up STAGE=${stack.name} NEW_CLUSTER=1 deploys everything anew, and its data is lost unless you have a backup`,
  );
}
