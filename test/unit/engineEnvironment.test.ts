/** Where an engine's programs store what Node.js has compiled. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineEnvironment } from "../../ops/lib/engine/engine.ts";

describe("compiled code", () => {
  it("of an engine's programs has a folder of its own below that of the commands", () => {
    const folder = (env: NodeJS.ProcessEnv) => engineEnvironment(env).NODE_COMPILE_CACHE;
    assert.equal(folder({ NODE_COMPILE_CACHE: "/cache/node" }), "/cache/node/programs");
    assert.equal(folder({}), undefined, "none where none was chosen");
  });

  it("of the policy pack is stored, although the engine ends it by a signal", async function () {
    this.timeout(30_000);
    const cache = mkdtempSync(join(tmpdir(), "todo-app-cache-"));
    const env = { ...process.env, NODE_COMPILE_CACHE: cache };
    const pack = spawn("policy/index.ts", ["127.0.0.1:1"], { env, stdio: ["ignore", "pipe", 2] });
    try {
      await once(pack.stdout!, "data"); // its port, at which the engine calls it
      pack.kill("SIGKILL");
      await once(pack, "exit");
      const [folder = ""] = readdirSync(cache);
      assert.ok(readdirSync(join(cache, folder)).length > 100);
    } finally {
      rmSync(cache, { recursive: true });
    }
  });
});
