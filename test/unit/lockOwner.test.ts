/** Whether the owner of a lock is dead, in cases that are easily mistaken. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { isDead, withLock } from "../../ops/lib/engine/lock.ts";

const stack = { name: "qa" } as unknown as Stack;

describe("the owner of a lock", () => {
  let folder: string;
  let engine: ChildProcess;
  const outside = { home: process.env.XDG_STATE_HOME, path: process.env.PATH };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lock-owner-"));
    process.env.XDG_STATE_HOME = folder;
    // Without pipes, which its own child would keep open for a minute after its end.
    engine = spawn("bash", ["-c", "sleep 60; true"], { argv0: "pulumi", stdio: "ignore" });
  });
  afterEach(() => {
    engine.kill("SIGKILL");
    process.env.PATH = outside.path;
    if (outside.home === undefined) delete process.env.XDG_STATE_HOME;
    else process.env.XDG_STATE_HOME = outside.home;
    rmSync(folder, { recursive: true });
  });

  const records = () => join(folder, "todo-app/engines/qa");
  const record = () => join(records(), `${engine.pid}.json`);
  const dead = () => isDead("qa", hostname(), String(engine.pid));
  /** Runs an operation that records the engine, which then ends with that error. */
  const operate = (error: Error) =>
    withLock(stack, async () => {
      while (!existsSync(record())) await sleep(20);
      engine.kill("SIGKILL");
      await once(engine, "exit");
      throw error;
    });
  const killed = () =>
    Object.assign(new Error(), { commandResult: { err: { signal: "SIGKILL" } } });

  it("is dead if only the engine was killed, and this process still runs", async () => {
    await assert.rejects(operate(killed()));
    assert.equal(await dead(), true);
  });

  it("is no longer recorded once the engine ended by itself, even with an error", async () => {
    await assert.rejects(operate(new Error("the program failed")));
    assert.deepEqual(readdirSync(records()), []);
    assert.equal(await dead(), false);
  });

  describe("that is recorded", () => {
    beforeEach(async () => {
      const noted = withLock(stack, () => new Promise(() => {}));
      noted.catch(() => {});
      while (!existsSync(record())) await sleep(20);
    });

    it("is alive as long as it runs", async () => assert.equal(await dead(), false));

    it("counts as alive if another engine has its process id by now", async () => {
      const { pidNamespace } = JSON.parse(readFileSync(record(), "utf8")) as object & {
        pidNamespace: string;
      };
      const started = "Thu Jan  1 00:00:00 2026";
      writeFileSync(record(), JSON.stringify({ started, pidNamespace }));
      assert.equal(await dead(), false);
    });

    it("counts as alive if ps is not installed", async () => {
      process.env.PATH = folder;
      assert.equal(await dead(), false);
    });
  });
});
