/**
 * Every command that changes a stage may be killed at any moment: the same command, given again, completes it, nothing is left
 * over, and no secret and no data are lost. Some commands build on the last deploy: while that is unfinished, they refuse, name make
 * up, and complete after it. A user has to sign in again: a rotation that is given twice ends the sessions.
 * `KILLS` and `SEED` in the environment set how often, and where.
 */
import assert from "node:assert/strict";
import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createMarker,
  killSession,
  noOrphans,
  removeStage,
  startMake,
} from "../e2e/support/kills.ts";
import { attempt, makeCheckout, sh } from "../e2e/support/shell.ts";
import { ownStage } from "./stage.ts";

const KILLS = Number(process.env.KILLS ?? 200);
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const { name: STAGE, host: HOST, writeFile } = ownStage("kills");

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

const changeSource = (cwd: string) =>
  appendFileSync(join(cwd, "app/backend/app/main.py"), `# ${Date.now()}\n`);

/** What a command says that builds on a deploy which was killed. */
const UNFINISHED =
  /^error: (the last deploy of kills (has been|was) killed|\S+ of kills is \d+, and \d+ is deployed)/m;

interface Command {
  readonly args: readonly string[];
  /** Makes sure that the command has something to do. */
  readonly prepare?: (cwd: string) => unknown;
  /** Brings the stage back into the state in which every other command works. */
  readonly finish?: readonly string[];
  /** How long it takes, in seconds; measured each time that it completes. */
  seconds: number;
}

const COMMANDS: readonly Command[] = [
  { args: ["up"], prepare: changeSource, seconds: 20 },
  { args: ["rotate", "SECRET=auth"], seconds: 20 },
  { args: ["rotate", "SECRET=databasePassword"], seconds: 20 },
  { args: ["rollback"], seconds: 20 },
  {
    args: ["canary", "WEIGHT=20"],
    prepare: changeSource,
    finish: ["canary-abort"],
    seconds: 20,
  },
  { args: ["down"], finish: ["up"], seconds: 20 },
];

describe(`a command that is killed, ${KILLS} times with SEED=${SEED}`, () => {
  const random = randomNumbers(SEED);
  let cwd: string;
  let markerIsServed: () => Promise<void>;
  const make = (args: readonly string[]) => sh(`make ${args.join(" ")} STAGE=${STAGE}`, { cwd });

  before(async () => {
    cwd = await makeCheckout();
    // A Gateway, because without one there is no canary.
    writeFile(cwd, (config) => ({
      "todo-app:route": { ...config["todo-app:route"], kind: "gateway", className: "traefik" },
      "todo-app:canary": { minutes: 0 },
    }));
    await make(["up"]);
    changeSource(cwd);
    await make(["up"]); // without a second revision, there is nothing to roll back to
    markerIsServed = await createMarker(HOST, true);
  });
  after(async () => {
    await removeStage(STAGE, cwd);
    rmSync(cwd, { recursive: true });
  });

  /** Starts a command and kills it after some seconds. @returns whether it still ran then */
  async function killedAfter(args: readonly string[], seconds: number, onlyGroup: boolean) {
    const child = startMake([...args, `STAGE=${STAGE}`], cwd);
    const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
    for (const stream of [child.stdout, child.stderr]) stream!.resume();
    const done = new AbortController();
    await Promise.race([ended, sleep(seconds * 1000, undefined, { signal: done.signal })]);
    done.abort();
    if (child.exitCode !== null) {
      assert.equal(child.exitCode, 0, `make ${args.join(" ")} failed before it was killed`);
      return false;
    }
    await killSession(child.pid!, onlyGroup);
    await ended;
    return true;
  }

  for (let kill = 1; kill <= KILLS; kill += 1) {
    const command = COMMANDS[(kill - 1) % COMMANDS.length]!;
    const { args, prepare, finish } = command;
    const share = random();
    const onlyGroup = random() < 0.3;
    const place = `at ${(100 * share).toFixed(0)} % of it${onlyGroup ? ", but not what it has started" : ""}`;
    it(`${kill}: make ${args.join(" ")}, ${place}, completes when it is given again`, async () => {
      let seconds = share * command.seconds;
      prepare?.(cwd);
      // One that was done before it was killed is killed earlier in its next run.
      while (!(await killedAfter(args, seconds, onlyGroup))) {
        if (finish) await make(finish);
        prepare?.(cwd);
        seconds /= 2;
      }
      const again = await attempt(`make ${args.join(" ")} STAGE=${STAGE}`, { cwd });
      if (again.code === 0) command.seconds = Math.min(command.seconds, again.seconds);
      else {
        assert.match(again.output, UNFINISHED);
        await make(["up"]);
        await make(args);
      }
      if (finish) await make(finish);
      if (args[0] === "down") markerIsServed = await createMarker(HOST, true);
      await markerIsServed();
      await noOrphans(STAGE, cwd);
    });
  }
});
