/** When the lock of another deploy is removed: never while that deploy may be alive. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { ConcurrentUpdateError, type Stack } from "@pulumi/pulumi/automation/index.js";
import type { OperatorError } from "../../ops/lib/errors.ts";
import { withLock } from "../../ops/lib/engine/lock.ts";

const locked = (pid: string | number, host = hostname()) => {
  const text = `the stack is currently locked by 1 lock(s).\n  file.json: created by ana@${host} (pid ${pid}) at 2026-01-01T00:00:00Z`;
  return Object.assign(Object.create(ConcurrentUpdateError.prototype) as Error, { message: text });
};

describe("the lock of a stack", () => {
  let folder: string;
  let cancelled: number;
  const home = process.env.XDG_STATE_HOME;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lock-"));
    process.env.XDG_STATE_HOME = folder;
    cancelled = 0;
  });
  afterEach(() => {
    if (home === undefined) delete process.env.XDG_STATE_HOME;
    else process.env.XDG_STATE_HOME = home;
    rmSync(folder, { recursive: true });
  });

  const stack = {
    name: "dev",
    cancel: () => Promise.resolve(void (cancelled += 1)),
  } as unknown as Stack;
  const records = () => join(folder, "todo-app/engines/dev");
  const record = (pid: string | number, content: object) => {
    mkdirSync(records(), { recursive: true });
    writeFileSync(join(records(), `${pid}.json`), JSON.stringify(content));
  };
  const namespace = () => {
    try {
      return readlinkSync("/proc/self/ns/pid");
    } catch {
      return "";
    }
  };
  /** An operation that meets a lock at the first attempt, and none after the lock was removed. */
  const operate = (error: Error) =>
    withLock(stack, () => (cancelled ? Promise.resolve("done") : Promise.reject(error)));
  const refusal = async (error: Error) => {
    try {
      await operate(error);
    } catch (refused) {
      return refused as OperatorError;
    }
    throw new Error("the lock was removed");
  };

  /** A process with the engine's name, recorded by an operation that is killed before it ends. */
  async function killedEngine(): Promise<string> {
    const engine = spawn("bash", ["-c", "exec -a pulumi sleep 60"]);
    // Starts withLock, so that it records the engine, and never lets it end.
    void withLock(stack, () => new Promise(() => {}));
    while (!recorded().length) await new Promise((resolve) => setTimeout(resolve, 20));
    engine.kill("SIGKILL");
    await once(engine, "exit");
    return recorded()[0]!;
  }
  const recorded = () => {
    try {
      return readdirSync(records()).map((file) => file.replace(".json", ""));
    } catch {
      return [];
    }
  };

  it("is removed when it belongs to an engine of this machine that was killed", async () => {
    const pid = await killedEngine();
    assert.equal(await operate(locked(pid)), "done");
    assert.equal(cancelled, 1);
  });

  it("is removed once: another operation that finds the same lock a moment later does not remove it", async () => {
    const pid = await killedEngine();
    await operate(locked(pid));
    cancelled = 0;
    await refusal(locked(pid));
    assert.equal(cancelled, 0);
  });

  const cases: Readonly<Record<string, () => Error>> = {
    "of another machine": () => locked(1, "elsewhere"),
    "of a process that this machine did not note": () => locked(999_999),
    "of a process that runs": () => {
      const started = execFileSync("ps", ["-o", "lstart=", "-p", String(process.pid)]);
      record(process.pid, { started: String(started).trim(), pidNamespace: namespace() });
      return locked(process.pid);
    },
    "of another process-id namespace with the same host name": () => {
      record(999_999, { started: "Thu Jan  1 00:00:00 2026", pidNamespace: "pid:[1]" });
      return locked(999_999);
    },
    "of a service that names no owner": () =>
      Object.assign(Object.create(ConcurrentUpdateError.prototype) as Error, {
        message: "[409] Conflict: Another update is currently in progress.",
      }),
  };
  for (const [whose, error] of Object.entries(cases))
    it(`${whose} is not removed, and the error says how to go on`, async () => {
      const { message, fix } = await refusal(error());
      assert.match(message, /^another deploy of dev is running/);
      assert.match(fix, /pulumi cancel --stack dev/);
      assert.equal(cancelled, 0);
    });

  it("names its owner, host, process and age", async () => {
    assert.match(
      (await refusal(locked(7, "elsewhere"))).message,
      /\(ana on elsewhere, process 7, since 2026-01-01T00:00:00Z\)/,
    );
  });

  it("leaves no record of an engine that ended by itself", async () => {
    await withLock(stack, async () => {
      const engine = spawn("bash", ["-c", "exec -a pulumi sleep 0.6"]);
      await once(engine, "exit");
    });
    assert.deepEqual(recorded(), []);
  });
});
