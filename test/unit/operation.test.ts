/** How an operation of the engine is ended before it is complete. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { OperatorError } from "../../ops/lib/errors.ts";
import { runShown, type EngineOptions } from "../../ops/lib/engine/operation.ts";

const stack = { name: "qa" } as unknown as Stack;
const PATIENCE_MS = 1_500;

describe("an operation of the engine", function () {
  this.timeout(20_000);
  let folder: string;
  let engine: ChildProcess | undefined;
  const home = process.env.XDG_STATE_HOME;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "operation-"));
    process.env.XDG_STATE_HOME = folder;
  });
  afterEach(() => {
    engine?.kill("SIGKILL");
    if (home === undefined) delete process.env.XDG_STATE_HOME;
    else process.env.XDG_STATE_HOME = home;
    rmSync(folder, { recursive: true });
  });

  const signals = () =>
    existsSync(join(folder, "signals")) ? readFileSync(join(folder, "signals"), "utf8") : "";

  /** An engine that records each SIGINT and ends at the given one; the Automation API sends the first. */
  const engineThatEndsAt =
    (count: number) =>
    async ({ signal }: EngineOptions) => {
      const script =
        `n=0; trap 'n=$((n + 1)); echo "$n" >>"${folder}/signals"; ((n < ${count})) || exit 1' INT; ` +
        `echo ready; for ((i = 0; i < 300; i++)); do sleep 0.1; done`;
      writeFileSync(join(folder, "engine"), script);
      // A process with the engine's name: bash takes its own from argv[0].
      engine = spawn("bash", [join(folder, "engine")], { argv0: "pulumi" });
      const child = engine;
      signal.addEventListener("abort", () => child.kill("SIGINT"));
      const ended = once(child, "exit");
      await once(child.stdout!, "data");
      ready();
      const [code, by] = (await ended) as [number | null, string | null];
      throw new Error(`ended with ${by ?? code}`);
    };
  let ready: () => void;
  let isReady: Promise<void>;
  beforeEach(() => void (isReady = new Promise((resolve) => (ready = resolve))));

  const hopeless = () => {
    const giveUp = isReady.then(() => {
      throw new OperatorError("the rollout can't succeed", "repair it");
    });
    giveUp.catch(() => {});
    return giveUp;
  };
  const run = (count: number, options: { giveUp?: Promise<never> } = {}) =>
    runShown(stack, "up", engineThatEndsAt(count), { ...options, patienceMs: PATIENCE_MS });

  it("that is given up gets one SIGINT, and has ended before the reason is shown", async () => {
    await assert.rejects(
      run(1, { giveUp: hopeless() }),
      /^OperatorError|the rollout can't succeed/,
    );
    assert.equal(signals(), "1\n");
    assert.equal(engine?.exitCode, 1);
  });

  it("that is given up and does not end gets another SIGINT after a while", async () => {
    const since = Date.now();
    await assert.rejects(run(2, { giveUp: hopeless() }), /the rollout can't succeed/);
    assert.equal(signals(), "1\n2\n");
    assert.ok(Date.now() - since >= PATIENCE_MS);
  });

  it("that is given up and never ends is killed", async () => {
    await assert.rejects(run(99, { giveUp: hopeless() }), /the rollout can't succeed/);
    assert.equal(engine?.signalCode, "SIGKILL");
  });

  it("gets a SIGINT if the process gets one, and says how to go on", async () => {
    const running = run(1);
    await isReady;
    process.emit("SIGTERM", "SIGTERM");
    await assert.rejects(running, (error) => {
      assert.ok(error instanceof OperatorError);
      assert.match(error.message, /^up of qa was ended before it was done$/);
      assert.match(error.fix, /run the same command again/);
      return true;
    });
    assert.equal(signals(), "1\n");
  });

  it("is killed if the process gets two", async () => {
    const running = run(99);
    await isReady;
    process.emit("SIGTERM", "SIGTERM");
    await sleep(300);
    process.emit("SIGTERM", "SIGTERM");
    await assert.rejects(running, /was ended before it was done/);
    assert.equal(signals(), "1\n2\n");
    assert.equal(engine?.signalCode, "SIGKILL");
  });

  it("leaves no signal handler behind in the process", async () => {
    const before = process.listenerCount("SIGINT");
    await runShown(stack, "up", () => Promise.resolve("done"));
    assert.equal(process.listenerCount("SIGINT"), before);
  });

  it("shows none of the engine's errors that the interruption caused, but names the log", async () => {
    const written: string[] = [];
    const write = process.stdout.write.bind(process.stdout);
    process.stdout.write = (text: string) => Boolean(written.push(text));
    try {
      await run(1, { giveUp: hopeless() }).catch(() => {});
    } finally {
      process.stdout.write = write;
    }
    assert.match(written.join(""), /^\nfull output: .*\/logs\/up-qa\.log\n$/);
  });
});
