/** Ends an engine before it is done. First asks it to end, so that it writes its state, and kills it only after that. */
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../run.ts";
import { findEngine } from "./lock.ts";

/** How long an engine may take to end after it was asked to. */
const PATIENCE_MS = 10_000;

/** Whether this process is in the foreground of a terminal. Ctrl-C there sends SIGINT to the whole group, also to the engine. */
async function isInForeground(): Promise<boolean> {
  const { stdout } = await run(["ps", "-o", "pgid=,tpgid=", "-p", String(process.pid)]);
  const [group, foreground] = stdout.trim().split(/\s+/);
  return !!group && group === foreground;
}

async function signalEngine(signal: NodeJS.Signals): Promise<void> {
  const pid = await findEngine();
  if (pid) process.kill(Number(pid), signal);
}

/** Ends one engine. */
export class Ending {
  /** Whether a signal has asked for the end, from the operator or from a pipeline that was cancelled. */
  asked = false;
  private readonly abort: AbortController;
  private readonly ended: Promise<unknown>;
  private readonly say: (text: string) => void;
  private readonly patienceMs: number;

  /**
   * @param abort sends SIGINT to the engine, once: at a second SIGINT, the engine stops without finishing what is under way
   * @param engine settles when the engine has ended
   * @param say shows a message to the operator
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

  /** Stops handling signals. */
  close(): void {
    process.off("SIGINT", this.onSignal);
    process.off("SIGTERM", this.onSignal);
  }

  /** Ends the engine without a signal. */
  async now(): Promise<void> {
    this.abort.abort();
    if (!(await this.endedWithin(this.patienceMs))) await this.kill("SIGINT");
  }

  private readonly onSignal = (signal: NodeJS.Signals): void => {
    const first = !this.asked;
    this.asked = true;
    this.say(
      first
        ? "ending: the engine finishes what is under way and writes its state; a second signal kills it"
        : "killing the engine: the next make up settles what it leaves unfinished",
    );
    void (first ? this.ask(signal) : this.kill(signal));
  };

  private async ask(signal: NodeJS.Signals): Promise<void> {
    if (signal !== "SIGINT" || !(await isInForeground())) this.abort.abort();
  }

  /** Sends the engine a second SIGINT, unless a terminal has sent one, and SIGKILL where it does not end by that. */
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
