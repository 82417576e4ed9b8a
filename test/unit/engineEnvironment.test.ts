/** Where an engine's programs store what Node.js has compiled. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { engineEnvironment } from "../../ops/lib/engine/engine.ts";

describe("compiled code", () => {
  it("of an engine's programs has a folder of its own below that of the commands", () => {
    assert.deepEqual(engineEnvironment({ NODE_COMPILE_CACHE: "/cache/node" }), {
      NODE_COMPILE_CACHE: "/cache/node/programs",
    });
    assert.deepEqual(engineEnvironment({}), {}, "none where none was chosen");
  });

  it("of the policy pack is stored, and by a flag of V8 beside that of the stack's program", () => {
    const pack = readFileSync("policy/index.ts", "utf8");
    assert.match(pack, /^#!\/usr\/bin\/env -S node --[a-z-]+=\d+\n/);
    assert.match(pack, /^flushCompileCache\(\);$/m);
  });
});
