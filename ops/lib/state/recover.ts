/** Puts a stack right whose last deploy was killed: operations that nobody finished. */
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { OperatorError } from "../errors.ts";
import { run } from "../run.ts";
import { textOf } from "../engine/engine.ts";
import { withLock } from "../engine/lock.ts";
import { runShown } from "../engine/operation.ts";
import { exportState, hasPendingOperations, pendingOf, type Resource } from "./state.ts";
import { progress } from "../output.ts";
import { settingsOf, type Stage } from "../stage.ts";

/** The record that the killed deploy would have written for an object it had sent to the cluster; undefined if there is none. */
async function recordOfCreated(stage: Stage, resource: Resource): Promise<Resource | undefined> {
  const { apiVersion = "", kind = "", metadata } = resource.inputs ?? {};
  if (!resource.type.startsWith("kubernetes:") || !metadata?.name) return undefined;
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const { context } = await settingsOf(stage);
  const { name, namespace } = metadata;
  const { code, stdout, output } = await run([
    "kubectl",
    `--context=${context}`,
    "get",
    group ? `${kind}.${version}.${group}` : kind,
    name,
    ...(namespace ? [`--namespace=${namespace}`] : []),
    "--show-managed-fields",
    "--output=jsonpath={.metadata.managedFields[*].manager}",
  ]);
  // Only this answer means that the object was never created. After any other, forgetting it could make a second one.
  if (code !== 0 && output.includes("(NotFound)")) return undefined;
  if (code !== 0)
    throw new OperatorError(
      `whether the interrupted deploy created ${kind} ${name} can't be found out: ${output.trim()}`,
      `make up STAGE=${stage.name} again, once kubectl --context ${context} get ${kind} works`,
    );
  // An object of the same name that somebody else made is not ours to take: the deploy will say that it exists.
  const manager = stdout.split(/\s+/).find((owner) => owner.startsWith("pulumi-kubernetes"));
  if (!manager) return undefined;
  const id = namespace ? `${namespace}/${name}` : name;
  // A later update must come from the same manager: the API server refuses another one's as a conflict.
  return { ...resource, id, outputs: { __fieldManager: manager } };
}

/** Puts `created` where the engine would have: in front of what it replaces, which then awaits its deletion. */
function insert(resources: Resource[], created: Resource): void {
  const index = resources.findIndex((resource) => resource.urn === created.urn && !resource.delete);
  const replaced = resources[index];
  if (!replaced) resources.push(created);
  else if (replaced.pendingReplacement)
    resources.splice(index, 1, created); // deleted already
  else resources.splice(index, 1, created, { ...replaced, delete: true });
}

/**
 * Takes what the killed deploy created, but could not note down any more, into the state; forgets what it never created.
 * Otherwise the next deploy would make a second object beside the first, or stop at "already exists".
 *
 * `pulumi refresh --import-pending-creates` is made for this, but the engine forgets such an object as well.
 */
async function adoptCreated(stage: Stage, stack: Stack): Promise<string[]> {
  const state = await exportState(stage.name);
  const creations = pendingOf(state).filter(({ type }) => type === "creating");
  if (!creations.length) return [];
  const records = await Promise.all(
    creations.map(({ resource }) => recordOfCreated(stage, resource)),
  );
  const created = records.filter((record) => record !== undefined);
  const resources = [...(state.deployment.resources ?? [])];
  for (const record of created) insert(resources, record);
  const deployment = { ...state.deployment, resources, pending_operations: [] };
  await withLock(stack, () => stack.importStack({ version: state.version, deployment }));
  return created.map(({ urn }) => urn);
}

async function refresh(stage: Stage, stack: Stack, target: string[]): Promise<void> {
  try {
    await runShown(stack, "recover", (options) =>
      stack.refresh({ ...options, configFile: stage.file, target, showSecrets: false }),
    );
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(
      `the interrupted deploy of ${stage.name} could not be settled`,
      `read the error above, then: pulumi refresh --stack ${stage.name}`,
    );
  }
}

/** Finishes what an interrupted deploy left open, so that the next one starts from what is really there. */
export async function settlePendingOperations(stage: Stage, stack: Stack): Promise<void> {
  const state = await exportState(stage.name);
  const pending = pendingOf(state);
  progress.write(
    `the last deploy of ${stage.name} left ${pending.length} operations unfinished; settling them\n`,
  );
  const existing = new Set(state.deployment.resources?.map(({ urn }) => urn));
  const roots = [...existing].filter((urn) => urn.includes("::pulumi:pulumi:Stack::"));
  const begun = pending
    .filter(({ type }) => type !== "creating")
    .map(({ resource }) => resource.urn);
  // This also proves that the deploy whose operations these are is not running any more: it would hold the lock.
  await refresh(stage, stack, [...roots, ...begun.filter((urn) => existing.has(urn))]);
  const adopted = await adoptCreated(stage, stack);
  if (adopted.length) await refresh(stage, stack, adopted);
}

/**
 * Notes in the state what the engine had sent to the cluster when it was told to end. The kubernetes plugin itself fails to:
 * once cancelled, it can't read the object that it was updating, and the state keeps the one from before. The next deploy of
 * that one would then change nothing, and leave the update in the cluster.
 */
export async function noteCancelledUpdates(
  stage: Stage,
  stack: Stack,
  urns: readonly string[],
): Promise<void> {
  // An engine that was killed has left operations in the state: the next deploy settles them.
  if (!urns.length || hasPendingOperations(await exportState(stage.name))) return;
  try {
    const options = { configFile: stage.file, target: [...urns], showSecrets: false };
    await withLock(stack, () => stack.refresh(options));
  } catch (error) {
    const targets = urns.map((urn) => `--target '${urn}'`).join(" ");
    process.stderr.write(
      `\nwarning: the state does not know what the cluster has now: ${textOf(error).trim()}\n` +
        `  before the next deploy: pulumi refresh --stack ${stage.name} ${targets}\n`,
    );
  }
}
