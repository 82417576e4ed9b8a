/** Looks at the stack of a stage: what it has deployed, what was changed since, and who holds its lock. */
import { readFileSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, sep } from "node:path";
import { differenceOf, findDrift } from "../drift/drift.ts";
import { deployedIn } from "../drift/deployed.ts";
import { isDead } from "../engine/lock.ts";
import { OperatorError } from "../errors.ts";
import { run } from "../run.ts";
import { verifyCluster } from "../state/clusterIdentity.ts";
import { exportState, pendingOf, type State } from "../state/state.ts";
import { shortName } from "../stage.ts";
import type { Lock, Snapshot } from "./snapshot.ts";

/** The content of a lock's file in a backend that is a folder. */
interface LockFile {
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  readonly timestamp: string;
}

/** The URL of the state backend; undefined where pulumi does not say it. */
async function backendUrl(): Promise<string | undefined> {
  if (process.env.PULUMI_BACKEND_URL) return process.env.PULUMI_BACKEND_URL;
  const { code, stdout } = await run(["pulumi", "whoami", "--json"]);
  return code === 0 ? (JSON.parse(stdout) as { readonly url?: string }).url : undefined;
}

/** The folder of the state backend; undefined where the backend is a service or a bucket. */
async function backendFolder(): Promise<string | undefined> {
  const url = await backendUrl();
  if (!url?.startsWith("file://")) return undefined;
  return url.slice("file://".length).split("?")[0]!.replace(/^~/, homedir());
}

/** The lock on a stack in a folder; undefined where nobody holds one. */
export async function lockIn(folder: string, stage: string): Promise<Lock | undefined> {
  const locks = join(folder, ".pulumi", "locks");
  const name = shortName(stage);
  try {
    const file = readdirSync(locks, { recursive: true, encoding: "utf8" }).find(
      (path) => path.endsWith(".json") && path.split(sep).at(-2) === name,
    );
    if (!file) return undefined;
    const lock = JSON.parse(readFileSync(join(locks, file), "utf8")) as LockFile;
    const { pid, username, hostname, timestamp } = lock;
    return {
      owner: `${username}@${hostname}, process ${pid}, since ${timestamp}`,
      dead: await isDead(stage, hostname, String(pid)),
    };
  } catch {
    return undefined; // there are no locks, or this one was removed just now
  }
}

export async function lockOf(stage: string): Promise<Lock | undefined> {
  const folder = await backendFolder();
  return folder ? lockIn(folder, stage) : undefined;
}

const operationText = ({ type, resource }: ReturnType<typeof pendingOf>[number]) =>
  `${type} ${resource.type.split(":").at(-1)} ${resource.urn.split("::").at(-1)}`;

type Stack = Pick<Snapshot, "drift" | "pending" | "unread">;

async function driftOf(context: string, stage: string, state: State): Promise<Stack["drift"]> {
  await verifyCluster(stage, state, context);
  return (await findDrift(context, deployedIn(state))).map(differenceOf);
}

/** What the state of the stack says, and how the cluster differs from it. */
export async function stackOf(stage: string, context: string): Promise<Stack> {
  const unread = (what: string) => (error: unknown) => {
    if (!(error instanceof OperatorError)) throw error;
    return `${what} (${error.message.split("\n")[0]})`;
  };
  const state = await exportState(stage, { showSecrets: true }).catch(
    unread("the state of the stack, so changes by hand are not known"),
  );
  if (typeof state === "string") return { pending: [], unread: [state] };
  const pending = pendingOf(state).map(operationText);
  const drift = await driftOf(context, stage, state).catch(unread("changes by hand"));
  return typeof drift === "string" ? { pending, unread: [drift] } : { pending, drift, unread: [] };
}
