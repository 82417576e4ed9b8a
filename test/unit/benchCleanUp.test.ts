/** What a measurement leaves behind when it fails or is ended: nothing. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { temporaryFolder, withCleanUp } from "../../bench/cleanUp.ts";

const MEASURE = new URL("../../bench/measure.ts", import.meta.url).href;

/** Waits until something holds, at most 20 s. */
async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !holds(); await setTimeout(50))
    assert.ok(Date.now() < deadline, `${holds} in time`);
}

const isRunning = (pid: number) => existsSync(`/proc/${pid}`);

describe("a measurement", () => {
  let folder: string;
  /** Unlike that of a run of these tests at the same time. */
  const name = `test-${process.pid}`;

  beforeEach(() => (folder = temporaryFolder(name)));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("removes the temporary files of a run that was ended", () => {
    writeFileSync(join(folder, "secret"), "");
    const next = temporaryFolder(name);
    assert.equal(existsSync(folder), false);
    rmSync(next, { recursive: true });
  });

  it("cleans everything up after it failed, also after a clean-up that fails, and shows its own error", async () => {
    const done: string[] = [];
    const failing = withCleanUp(
      () => Promise.reject(new Error("its own")),
      [() => Promise.reject(new Error("of a clean-up")), () => done.push("cleaned up")],
    );
    await assert.rejects(failing, /its own/);
    assert.deepEqual(done, ["cleaned up"]);
    process.exitCode = 0;
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const)
    it(`ends what it measures and cleans up after ${signal}`, async () => {
      const [pidFile, cleaned] = [join(folder, "pid"), join(folder, "cleaned")];
      const program = [
        `import { measure } from "${MEASURE}";`,
        `import { writeFileSync } from "node:fs";`,
        `try { await measure("echo $$ > ${pidFile}; sleep 60"); } finally { writeFileSync("${cleaned}", ""); }`,
      ];
      writeFileSync(join(folder, "measure.ts"), program.join("\n"));
      const child = spawn(process.execPath, [join(folder, "measure.ts")], { stdio: "ignore" });
      await until(() => existsSync(pidFile) && readFileSync(pidFile, "utf8").endsWith("\n"));
      const pid = Number(readFileSync(pidFile, "utf8"));
      child.kill(signal);
      const [code] = (await once(child, "exit")) as [number | null];
      assert.equal(code, 1);
      assert.ok(existsSync(cleaned));
      await until(() => !isRunning(pid));
    });
});
