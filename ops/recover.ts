/** Puts a stack right whose last deploy was killed: a lock nobody holds, operations nobody finished. */
import { existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { OperatorError, run, type Result } from "./command.ts";
import { stageFile } from "./preflight.ts";

interface PendingOperation {
  readonly type: string;
  readonly resource: {
    readonly urn: string;
    readonly type: string;
    readonly inputs?: {
      readonly apiVersion?: string;
      readonly kind?: string;
      readonly metadata?: { readonly name?: string; readonly namespace?: string };
    };
  };
}

/**
 * Runs `pulumi <command> --stack <stage>`, showing its output; the lock of a deploy that died on this machine is removed.
 *
 * @throws OperatorError when the lock's owner is alive, or can't be looked at because it runs elsewhere
 */
export async function runLocked(stage: string, command: readonly string[]): Promise<Result> {
  const attempt = () => run(["pulumi", ...command, "--stack", stage], { show: true });
  const first = await attempt();
  if (!first.output.includes("the stack is currently locked")) return first;
  await releaseLock(stage, first.output);
  return attempt();
}

const isPulumi = (pid: string) =>
  existsSync(`/proc/${pid}/comm`) && readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "pulumi";

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

/** `namespace/name` of a Kubernetes object that exists although its creation was never confirmed. */
async function createdObject(
  stage: string,
  operation: PendingOperation,
): Promise<string | undefined> {
  const { apiVersion = "", kind = "", metadata } = operation.resource.inputs ?? {};
  if (!operation.resource.type.startsWith("kubernetes:") || !metadata?.name) return undefined;
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const context = String(stageFile(stage)["todo-app:kubernetesContext"]);
  const kindName = group ? `${kind}.${version}.${group}` : kind;
  const namespace = metadata.namespace ? [`--namespace=${metadata.namespace}`] : [];
  const { code } = await run([
    "kubectl",
    `--context=${context}`,
    "get",
    kindName,
    metadata.name,
    ...namespace,
  ]);
  if (code !== 0) return undefined;
  return metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name;
}

/**
 * Finishes what an interrupted deploy left open: a created object is taken into the state, one that was never created is
 * forgotten, and the rest is read anew from the cluster. Without this, the next deploy would create a second object
 * beside the first or stop at "already exists".
 */
export async function settlePendingOperations(stage: string): Promise<void> {
  const { code, output } = await run(["pulumi", "stack", "export", "--stack", stage]);
  if (code !== 0) return;
  const state = JSON.parse(output) as { deployment: { pending_operations?: PendingOperation[] } };
  const pending = state.deployment.pending_operations ?? [];
  if (!pending.length) return;
  process.stdout.write(
    `the last deploy of ${stage} was interrupted in ${pending.length} operations; settling them\n`,
  );
  const imports: string[] = [];
  for (const operation of pending.filter(({ type }) => type === "creating")) {
    const id = await createdObject(stage, operation);
    if (id)
      imports.push(
        "--import-pending-creates",
        operation.resource.urn,
        "--import-pending-creates",
        id,
      );
  }
  const settle = ["refresh", "--yes", "--skip-preview", ...imports, "--clear-pending-creates"];
  const refresh = await runLocked(stage, settle);
  if (refresh.code !== 0)
    throw new OperatorError(
      `the interrupted deploy of ${stage} could not be settled`,
      `read the error above, then: pulumi refresh --stack ${stage}`,
    );
}
