/** How an engine is ended before it is done: asked to first, so that it writes its state, and killed only after that. */
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../run.ts";
import { findEngine } from "./lock.ts";

/** How long an engine gets to do what it was asked to. */
const PATIENCE_MS = 10_000;

/** Whether a terminal has this process in its foreground: it sends Ctrl-C to the whole group then, the engine included. */
async function isInForeground(): Promise<boolean> {
  const { stdout } = await run(["ps", "-o", "pgid=,tpgid=", "-p", String(process.pid)]);
  const [group, foreground] = stdout.trim().split(/\s+/);
  return !!group && group === foreground;
}

async function signalEngine(signal: NodeJS.Signals): Promise<void> {
  const pid = await findEngine();
  if (pid) process.kill(Number(pid), signal);
}

/** One engine at work. */
export class Ending {
  /** Whether the operator, or a pipeline that is cancelled, has asked for the end. */
  asked = false;
  private readonly abort: AbortController;
  private readonly ended: Promise<unknown>;
  private readonly say: (text: string) => void;
  private readonly patienceMs: number;

  /**
   * @param abort tells the engine once, by SIGINT; a second SIGINT would make it leave everything as it is
   * @param engine settles when the engine has ended
   * @param say shows the operator what happens
   */
  constructor(
    abort: AbortController,
    engine: Promise<unknown>,
    say: (text: string) => void,
    patienceMs = PATIENCE_MS,
  ) {
    this.abort = abort;
    this.ended = engine.catch(() => {});
    this.say = say;
    this.patienceMs = patienceMs;
    process.on("SIGINT", this.onSignal);
    process.on("SIGTERM", this.onSignal);
  }

  /** From now on, signals mean what they always do. */
  close(): void {
    process.off("SIGINT", this.onSignal);
    process.off("SIGTERM", this.onSignal);
  }

  /** Ends the engine without being asked to. */
  async now(): Promise<void> {
    this.abort.abort();
    if (!(await this.endedWithin(this.patienceMs))) await this.kill("SIGINT");
  }

  private readonly onSignal = (signal: NodeJS.Signals): void => {
    const first = !this.asked;
    this.asked = true;
    this.say(
      first
        ? "ending: the engine finishes what it is at and writes its state; once more kills it"
        : "killing the engine: the next make up settles what it leaves unfinished",
    );
    void (first ? this.ask(signal) : this.kill(signal));
  };

  private async ask(signal: NodeJS.Signals): Promise<void> {
    if (signal !== "SIGINT" || !(await isInForeground())) this.abort.abort();
  }

  /** By a second signal, which a terminal has sent already; an engine that doesn't heed it has no choice. */
  private async kill(signal: NodeJS.Signals): Promise<void> {
    if (signal !== "SIGINT" || !this.asked || !(await isInForeground()))
      await signalEngine("SIGINT");
    if (!(await this.endedWithin(this.patienceMs / 5))) await signalEngine("SIGKILL");
    await this.ended;
  }

  private async endedWithin(milliseconds: number): Promise<boolean> {
    const stop = new AbortController();
    const late = sleep(milliseconds, false, { signal: stop.signal }).catch(() => false);
    const inTime = await Promise.race([this.ended.then(() => true), late]);
    stop.abort();
    return inTime;
  }
}
