/** Repairs the state of a stack whose last deploy was killed, and left operations that are not finished. */
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { OperatorError } from "../errors.ts";
import { run } from "../run.ts";
import { textOf } from "../engine/engine.ts";
import { withLock } from "../engine/lock.ts";
import { runShown } from "../engine/operation.ts";
import { exportState, hasPendingOperations, pendingOf, type Resource } from "./state.ts";
import { progress } from "../output.ts";
import { settingsOf, type Stage } from "../stage.ts";

/**
 * The record that the killed deploy would have written for an object that it was creating; undefined if the cluster does not have
 * the object. The inputs hold its name, also where the provider has chosen the name.
 */
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
  // Only this answer means that the object was never created. After any other answer the object may exist, and without a record
  // the next deploy could create a second one.
  if (code !== 0 && output.includes("(NotFound)")) return undefined;
  if (code !== 0)
    throw new OperatorError(
      `whether the interrupted deploy created ${kind} ${name} is not known: ${output.trim()}`,
      `make up STAGE=${stage.name} again, once kubectl --context ${context} get ${kind} works`,
    );
  // An object of the same name that another client created does not belong to the stack. The deploy will say that it exists.
  const manager = stdout.split(/\s+/).find((owner) => owner.startsWith("pulumi-kubernetes"));
  if (!manager) return undefined;
  const id = namespace ? `${namespace}/${name}` : name;
  // Later updates must come from the same field manager, or the API server refuses them as conflicts. The provider needs no other
  // output: the refresh that follows reads the rest from the cluster.
  return { ...resource, id, outputs: { __fieldManager: manager } };
}

/** Puts `created` where the engine would have put it: in front of the resource that it replaces, which is then to be deleted. */
function insert(resources: Resource[], created: Resource): void {
  const index = resources.findIndex((resource) => resource.urn === created.urn && !resource.delete);
  const replaced = resources[index];
  if (!replaced) resources.push(created);
  else if (replaced.pendingReplacement)
    resources.splice(index, 1, created); // the replaced object was deleted before
  else resources.splice(index, 1, created, { ...replaced, delete: true });
}

/**
 * Adds what the killed deploy created to the state, and drops what it never created. Otherwise the next deploy would create a
 * second object beside the first, or stop at "already exists".
 *
 * `pulumi refresh --import-pending-creates` is meant for this, but the engine drops the object from the state even then.
 *
 * @returns the URNs of what was added
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

/** Settles the operations that a killed deploy left unfinished, so that the state says what the cluster has. */
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
  // The stack's own resource is always a target: without any target, the engine would refresh every resource. Taking the lock also
  // proves that the deploy that began these operations has ended, because it would hold the lock.
  await refresh(stage, stack, [...roots, ...begun.filter((urn) => existing.has(urn))]);
  const adopted = await adoptCreated(stage, stack);
  if (adopted.length) await refresh(stage, stack, adopted);
}

/**
 * Records in the state the updates that the engine had sent to the cluster before it was told to end. The kubernetes plugin does
 * not: once cancelled, it can't read the object that it was updating, and the state keeps the previous version. If that version
 * were deployed next, the engine would see no difference, and the cancelled update would stay in the cluster.
 */
export async function noteCancelledUpdates(
  stage: Stage,
  stack: Stack,
  urns: readonly string[],
): Promise<void> {
  // Pending operations mean that the engine was killed. The next deploy settles them.
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
