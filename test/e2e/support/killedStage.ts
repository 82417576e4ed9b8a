/** A stage whose commands are killed at random moments, one after the other, and what must be true once each was given again. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { createMarker, killSession, noOrphans, nothingIsLeft, startMake } from "./kills.ts";
import { attempt, sh } from "./shell.ts";

export interface Command {
  readonly args: readonly string[];
  /** Whether it has something to do only after a change of the checkout. @default false */
  readonly deploysChange?: boolean;
  /** Brings back the state before it, so that it can be given once more. @default it always can */
  readonly undo?: readonly string[];
  /** What it says where it was killed when all was done but its end. @default it can be given once more */
  readonly done?: RegExp;
  /** Within how many seconds it is killed; where it was done before that, within those that it took. */
  readonly seconds: number;
}

/** From a stage of which nothing is deployed, through every kind of command, to one of which nothing is left. */
export const COMMANDS: readonly Command[] = [
  { args: ["up"], undo: ["down"], seconds: 40 },
  { args: ["up"], deploysChange: true, seconds: 20 },
  {
    args: ["rollback"],
    undo: ["up"],
    done: /^error: no revision of \S+ from before revision \d+/m,
    seconds: 20,
  },
  { args: ["rotate", "SECRET=auth"], seconds: 20 },
  { args: ["rotate", "SECRET=databasePassword"], seconds: 20 },
  { args: ["canary", "WEIGHT=20"], deploysChange: true, undo: ["canary-abort"], seconds: 20 },
  {
    args: ["canary-abort"],
    undo: ["canary", "WEIGHT=20"],
    done: /^error: no canary runs in/m,
    seconds: 20,
  },
  { args: ["down"], undo: ["up"], seconds: 15 },
];

/** Where a command is killed. */
export interface KillPoint {
  readonly command: Command;
  /** Of the time that the command takes. */
  readonly share: number;
  /** Whether what the engine has started in process groups of its own lives on. */
  readonly onlyGroup: boolean;
}

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed that was given as `SEED`, or another one each time. */
export const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

const random = randomNumbers(SEED);

/** Where so many of the commands, in their order, are killed: each time at other moments. */
export function killPoints(count: number, commands: readonly Command[]): readonly KillPoint[] {
  return Array.from({ length: count }, (_, index) => ({
    command: commands[index % commands.length]!,
    share: random(),
    onlyGroup: random() < 0.3,
  }));
}

export const inWords = ({ command, share, onlyGroup }: KillPoint): string =>
  `make ${command.args.join(" ")}, at ${(100 * share).toFixed(0)} % of it${onlyGroup ? ", but not what it has started" : ""}`;

/** What a command says that builds on a deploy which was killed. */
const UNFINISHED =
  /^error: (the last deploy of \S+ (has been|was) killed|\S+ of \S+ is \d+, and \d+ is deployed)/m;

interface Options {
  /** Changes what the checkout deploys. */
  readonly change: () => void;
  /**
   * Whether a command that make up has completed is given once more. What leaves the stage in another state than make up always is.
   *
   * @default false
   */
  readonly onceMore?: boolean;
}

/** The stage, in a checkout in which nobody else changes its file. */
export class KilledStage {
  private readonly stage: { readonly name: string; readonly host: string };
  private readonly cwd: string;
  private readonly options: Options;
  /** How long a command took that was done before it could be killed. */
  private readonly seconds = new Map<Command, number>();
  private markerIsServed?: (again?: boolean) => Promise<void>;

  constructor(stage: KilledStage["stage"], cwd: string, options: Options) {
    this.stage = stage;
    this.cwd = cwd;
    this.options = options;
  }

  private lineOf(args: readonly string[]): string {
    return `make ${args.join(" ")} STAGE=${this.stage.name}`;
  }

  private make(args: readonly string[]): Promise<string> {
    return sh(this.lineOf(args), { cwd: this.cwd });
  }

  /**
   * Starts a command and kills it after some seconds.
   *
   * @returns how long it took, where it was done before that
   */
  private async killedAfter(args: readonly string[], seconds: number, onlyGroup: boolean) {
    const begin = Date.now();
    const child = startMake([...args, `STAGE=${this.stage.name}`], this.cwd);
    const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream!.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const done = new AbortController();
    await Promise.race([ended, sleep(seconds * 1000, undefined, { signal: done.signal })]);
    done.abort();
    if (child.exitCode !== null) {
      const said = `${this.lineOf(args)} failed before it was killed:\n${output.slice(-2000)}`;
      assert.equal(child.exitCode, 0, said);
      return (Date.now() - begin) / 1000;
    }
    await killSession(child.pid!, onlyGroup);
    await ended;
    return undefined;
  }

  /**
   * Kills a command while it runs. One that was done before that is killed earlier in its next run.
   *
   * @returns after how many seconds
   */
  private async kill({ command, share, onlyGroup }: KillPoint): Promise<number> {
    const { args, deploysChange, undo, seconds } = command;
    let after = share * (this.seconds.get(command) ?? seconds);
    if (deploysChange) this.options.change();
    for (;;) {
      const took = await this.killedAfter(args, after, onlyGroup);
      if (took === undefined) return after;
      this.seconds.set(command, took);
      if (undo) await this.make(undo);
      if (deploysChange) this.options.change();
      after /= 2;
    }
  }

  /**
   * Gives a command again. Where it refuses to build on a deploy that was killed, make up completes that.
   *
   * @returns what it has come to
   */
  private async giveAgain({ args, undo, done }: Command): Promise<string> {
    const { code, output } = await attempt(this.lineOf(args), { cwd: this.cwd });
    if (code === 0) return "completed by itself";
    if (done?.test(output)) return "was done already";
    assert.match(output, UNFINISHED);
    await this.make(["up"]);
    if (this.options.onceMore || undo) await this.make(args);
    return "completed after make up";
  }

  /**
   * Checks that the stage is whole: data and secrets are there, and nothing is left over. Where auth is rotated, the user signs in
   * again: it may have been rotated twice, which ends sessions.
   */
  private async isWhole({ args }: Command): Promise<void> {
    const { name, host } = this.stage;
    if (args[0] === "down") {
      this.markerIsServed = undefined;
      await nothingIsLeft(name, this.cwd);
      return;
    }
    this.markerIsServed ??= await createMarker(host);
    await Promise.all([
      this.markerIsServed(args.includes("SECRET=auth")),
      noOrphans(name, this.cwd),
    ]);
  }

  /** Kills a command, gives it again, and checks that the stage is whole. @returns how it went */
  async survives(point: KillPoint): Promise<string> {
    const begin = Date.now();
    const after = await this.kill(point);
    const how = await this.giveAgain(point.command);
    await this.isWhole(point.command);
    const seconds = (Date.now() - begin) / 1000;
    return `killed after ${after.toFixed(1)} s, ${how}; ${seconds.toFixed(1)} s with checks`;
  }

  /** Kills the commands one after the other, also after one that did not survive it. @returns how it goes at each of the points */
  begin(points: readonly KillPoint[]): readonly Promise<string>[] {
    let before: Promise<unknown> = Promise.resolve();
    return points.map((point) => {
      const outcome = before.then(() => this.survives(point));
      before = outcome.catch(() => undefined);
      return outcome;
    });
  }
}
