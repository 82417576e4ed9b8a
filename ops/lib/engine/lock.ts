/** The lock on a stack: which engine holds it, and whether that engine can still be alive. */
import { mkdirSync, readFileSync, readlinkSync, rmSync, rmdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ConcurrentUpdateError, type Stack } from "@pulumi/pulumi/automation/index.js";
import { OperatorError } from "../errors.ts";
import { run } from "../run.ts";
import { progress } from "../output.ts";
import { processes } from "../processes.ts";
import { stateFolder } from "../state/folder.ts";
import { shortName } from "../stage.ts";
import { textOf, wasKilled } from "./engine.ts";
import { endOrphans } from "./orphans.ts";

/** An engine that this machine started. Process ids are used again, so its start time identifies it as well. */
interface Engine {
  readonly started: string;
  readonly pidNamespace: string;
}

const recordsOf = (stage: string) => join(stateFolder(), "engines", stage.replaceAll("/", "-"));
/** The record of an engine that works, or was killed. An engine that ended by itself holds no lock, and has no record. */
const recordOf = (stage: string, pid: string) => join(recordsOf(stage), `${pid}.json`);

/** The namespace in which process ids are valid. Systems other than Linux have only one. */
function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

/** When a process began; empty where it does not run, or is a zombie. */
async function startOf(pid: string): Promise<string> {
  const { code, stdout } = await run(["ps", "-o", "stat=,lstart=", "-p", pid]);
  if (code > 1) throw new Error(`ps failed (exit code ${code})`); // 1 means that there is no such process
  const [, state = "Z", started = ""] = /^\s*(\S+)\s+(.*?)\s*$/m.exec(stdout) ?? [];
  return state.startsWith("Z") ? "" : started;
}

/** Whether a process has the engine's name. */
const isEngine = async (pid: string) =>
  /^\S*\bpulumi\b/.test((await run(["ps", "-o", "args=", "-p", pid])).stdout);

/** The process id of the engine that this process started. The Automation API does not give it. */
export async function findEngine(): Promise<string | undefined> {
  const all = await processes();
  return all.find(
    ({ parent, line }) => parent === String(process.pid) && /^\S*\bpulumi /.test(line),
  )?.pid;
}

/** Records the engine that this process started. Only of a recorded engine can be known later that it was killed. */
async function noteEngine(stage: string, done: AbortSignal): Promise<string | undefined> {
  mkdirSync(recordsOf(stage), { recursive: true });
  for (; !done.aborted; await sleep(100)) {
    const pid = await findEngine();
    const started = pid && (await startOf(pid).catch(() => ""));
    if (!started) continue;
    const record: Engine = { started, pidNamespace: pidNamespace() };
    writeFileSync(recordOf(stage, pid), JSON.stringify(record));
    return pid;
  }
  return undefined;
}

/** Whether the lock's owner is an engine that this machine started and that has ended. In doubt, the owner counts as alive. */
export async function isDead(stage: string, host: string, pid: string): Promise<boolean> {
  if (host !== hostname()) return false;
  try {
    const engine = JSON.parse(readFileSync(recordOf(stage, pid), "utf8")) as Engine;
    if (engine.pidNamespace !== pidNamespace()) return false;
    const started = await startOf(pid);
    // An engine that was started without make may have got the same process id since then.
    return !started || (started !== engine.started && !(await isEngine(pid)));
  } catch {
    return false;
  }
}

/** Runs `use` once at a time on this machine: of two commands that find a dead lock, only the first may remove it. */
async function alone<T>(stage: string, use: () => Promise<T>): Promise<T> {
  const folder = `${recordsOf(stage)}.lock`;
  for (let tries = 100; ; tries -= 1)
    try {
      mkdirSync(folder);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (!tries)
        throw new OperatorError(
          `${folder} exists: another make up of ${stage} seems to be removing a dead lock`,
          `if no other make up runs: rmdir ${folder}`,
        );
      await sleep(100);
    }
  try {
    return await use();
  } finally {
    rmdirSync(folder);
  }
}

const ownerOf = (error: unknown) =>
  /created by (\S+)@(\S+) \(pid (\d+)\) at (\S+)/.exec(textOf(error)) ?? [];

function refusal(stage: string, error: unknown): OperatorError {
  const [, user, host, pid, since] = ownerOf(error);
  const owner = pid ? ` (${user} on ${host}, process ${pid}, since ${since})` : "";
  return new OperatorError(
    `another deploy of ${stage} is running${owner}`,
    `wait for it; if you are sure that it is dead: pulumi cancel --stack ${stage}`,
  );
}

async function attempt<T>(stage: string, operation: () => Promise<T>): Promise<T> {
  await endOrphans(shortName(stage)); // of an engine that was killed before
  const done = new AbortController();
  const noted = noteEngine(stage, done.signal);
  let killed = false;
  try {
    return await operation();
  } catch (error) {
    killed = wasKilled(error); // and has left its lock
    throw error;
  } finally {
    done.abort();
    const pid = await noted;
    if (pid && !killed) rmSync(recordOf(stage, pid), { force: true });
    if (killed) await endOrphans(shortName(stage));
  }
}

/**
 * Runs an operation that locks the stack. Where a deploy that died on this machine has left its lock, removes the lock and tries
 * again.
 *
 * @throws OperatorError when the lock's owner is alive, or may be
 */
export async function withLock<T>(stack: Stack, operation: () => Promise<T>): Promise<T> {
  const stage = stack.name;
  try {
    return await attempt(stage, operation);
  } catch (error) {
    if (!(error instanceof ConcurrentUpdateError)) throw error;
    await alone(stage, () => release(stack, error));
  }
  try {
    return await attempt(stage, operation);
  } catch (error) {
    throw error instanceof ConcurrentUpdateError ? refusal(stage, error) : error;
  }
}

async function release(stack: Stack, error: unknown): Promise<void> {
  const stage = stack.name;
  const [, , host = "", pid = ""] = ownerOf(error);
  if (!(await isDead(stage, host, pid))) throw refusal(stage, error);
  progress.write(`the last deploy of ${stage} (process ${pid}) died; removing its lock\n`);
  // The record goes first. Another command that has found the same lock can't prove then that its owner died, and leaves the
  // lock alone, which may be a new one by now.
  rmSync(recordOf(stage, pid));
  await stack.cancel();
}
