/** Puts a stack right whose last deploy was killed: a lock nobody holds, operations nobody finished. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError, run, type Result } from "./command.ts";
import { stageFile, type Stage } from "./stage.ts";

interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly delete?: boolean;
  readonly protect?: boolean;
  readonly pendingReplacement?: boolean;
  readonly inputs?: {
    readonly apiVersion?: string;
    readonly kind?: string;
    readonly metadata?: { readonly name?: string; readonly namespace?: string };
  };
  readonly outputs?: Record<string, unknown>;
}

interface State {
  readonly deployment: {
    resources?: Resource[];
    pending_operations?: { readonly type: string; readonly resource: Resource }[];
  };
}

/** What `make up` says or mends itself: the plugins in use (the engine repeats them all the time), a stack to be created. */
const SAID_ELSEWHERE = /warning: using pulumi-\S+ from \$PATH at |^error: no stack named '/;

const pendingOf = (state?: State) => state?.deployment.pending_operations ?? [];

/**
 * Runs `pulumi <command> --stack <stage>`, showing its output; the lock of a deploy that died on this machine is removed.
 *
 * @throws OperatorError when the lock's owner is alive, or can't be looked at because it runs elsewhere
 */
export async function runLocked(stage: string, command: readonly string[]): Promise<Result> {
  const attempt = () =>
    run(["pulumi", ...command, "--stack", stage], { show: true, hide: SAID_ELSEWHERE });
  const first = await attempt();
  if (!first.output.includes("the stack is currently locked")) return first;
  await releaseLock(stage, first.output);
  return attempt();
}

/** Whether a deploy runs under that process id: one that was killed, but not yet collected by its parent, has no command line. */
const isPulumi = (pid: string) =>
  existsSync(`/proc/${pid}/cmdline`) &&
  /^[^\0]*\bpulumi\0/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"));

async function releaseLock(stage: string, output: string): Promise<void> {
  const owner = /created by (\S+)@(\S+) \(pid (\d+)\)/.exec(output);
  const [, user, host, pid] = owner ?? [];
  if (!pid || host !== hostname() || isPulumi(pid))
    throw new OperatorError(
      `another deploy of ${stage} is running${pid ? ` (${user} on ${host}, process ${pid})` : ""}`,
      `wait for it; if you are sure that it is dead: pulumi cancel --stack ${stage}`,
    );
  process.stdout.write(`the last deploy of ${stage} (process ${pid}) died; removing its lock\n`);
  await run(["pulumi", "cancel", "--yes", "--stack", stage]);
}

/** What the backend knows of a stack; undefined of one that does not exist. */
export async function exportState(stage: string): Promise<State | undefined> {
  const { code, stdout, output } = await run(["pulumi", "stack", "export", "--stack", stage]);
  if (code === 0) return JSON.parse(stdout) as State;
  if (/no stack named/.test(output)) return undefined;
  throw new OperatorError(
    `the state of ${stage} can't be read: ${output.trim()}`,
    "pulumi whoami --verbose shows the backend in use",
  );
}

async function importState(stage: string, state: State): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "todo-app-state-"));
  try {
    const file = join(folder, "state.json");
    writeFileSync(file, JSON.stringify(state)); // secrets are ciphertext in it
    return await runLocked(stage, ["stack", "import", "--file", file]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The record that the killed deploy would have written for an object it had sent to the cluster; undefined if there is none. */
async function recordOfCreated(stage: Stage, resource: Resource): Promise<Resource | undefined> {
  const { apiVersion = "", kind = "", metadata } = resource.inputs ?? {};
  if (!resource.type.startsWith("kubernetes:") || !metadata?.name) return undefined;
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const context = String(stageFile(stage.name, stage.file)["todo-app:kubernetesContext"]);
  const { name, namespace } = metadata;
  const { code, stdout } = await run([
    "kubectl",
    `--context=${context}`,
    "get",
    group ? `${kind}.${version}.${group}` : kind,
    name,
    ...(namespace ? [`--namespace=${namespace}`] : []),
    "--show-managed-fields",
    "--output=jsonpath={.metadata.managedFields[*].manager}",
  ]);
  // An object of the same name that somebody else made is not ours to take: the deploy will say that it exists.
  const manager = stdout.split(/\s+/).find((owner) => owner.startsWith("pulumi-kubernetes"));
  if (code !== 0 || !manager) return undefined;
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
async function adoptCreated(stage: Stage): Promise<string[]> {
  const state = await exportState(stage.name);
  const creations = pendingOf(state).filter(({ type }) => type === "creating");
  if (!state || !creations.length) return [];
  const records = await Promise.all(
    creations.map(({ resource }) => recordOfCreated(stage, resource)),
  );
  const created = records.filter((record) => record !== undefined);
  const resources = [...(state.deployment.resources ?? [])];
  for (const record of created) insert(resources, record);
  const { code } = await importState(stage.name, {
    ...state,
    deployment: { ...state.deployment, resources, pending_operations: [] },
  });
  if (code !== 0) throw unsettled(stage.name);
  return created.map(({ urn }) => urn);
}

async function refresh({ name, file }: Stage, urns: readonly string[]): Promise<void> {
  const command = ["refresh", "--yes", "--skip-preview", "--config-file", file];
  const { code } = await runLocked(name, [...command, ...urns.flatMap((urn) => ["--target", urn])]);
  if (code !== 0) throw unsettled(name);
}

const unsettled = (stage: string) =>
  new OperatorError(
    `the interrupted deploy of ${stage} could not be settled`,
    `read the error above, then: pulumi refresh --stack ${stage}`,
  );

/** Finishes what an interrupted deploy left open, so that the next one starts from what is really there. */
export async function settlePendingOperations(stage: Stage): Promise<void> {
  const state = await exportState(stage.name);
  const pending = pendingOf(state);
  if (!state || !pending.length) return;
  process.stdout.write(
    `the last deploy of ${stage.name} left ${pending.length} operations unfinished; settling them\n`,
  );
  const existing = new Set(state.deployment.resources?.map(({ urn }) => urn));
  const stack = [...existing].filter((urn) => urn.includes("::pulumi:pulumi:Stack::"));
  const begun = pending
    .filter(({ type }) => type !== "creating")
    .map(({ resource }) => resource.urn);
  // This also proves that the deploy whose operations these are is not running any more: it would hold the lock.
  await refresh(stage, [...stack, ...begun.filter((urn) => existing.has(urn))]);
  const adopted = await adoptCreated(stage);
  if (adopted.length) await refresh(stage, adopted);
}
