import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAKEFILE = readFileSync(join(ROOT, "Makefile"), "utf8");

/** Each command with a command line that has too many arguments, or too few. */
const COMMANDS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "audit.sh": [["one"]],
  "config-diff.ts": [[], ["one"], ["one", "two", "three"]],
  "down.ts": [["one", "two", "three"]],
  "manifest.ts": [[], ["one", "two", "three"]],
  "preflight.ts": [["one", "two", "three"]],
  "preview.ts": [["one", "two", "three"]],
  "refresh.ts": [["one", "two", "three"]],
  "sbom.sh": [[], ["one", "two"]],
  "up.ts": [["one", "two", "three"]],
  "update-pins.ts": [["one", "two"]],
};

/** Commands whose output a pipeline reads. */
const JSON_COMMANDS = ["config-diff.ts", "preflight.ts", "preview.ts"];

function call(file: string, ...args: string[]) {
  const path = join(ROOT, "ops", file);
  const [program, ...line] = file.endsWith(".ts") ? [process.execPath, path] : [path];
  return spawnSync(program!, [...line, ...args], { cwd: ROOT, encoding: "utf8" });
}

describe("the commands of ops/", function () {
  // Each test starts a program a few times.
  this.timeout(30_000);

  it("are all there is beside what they share", () => {
    const files = readdirSync(join(ROOT, "ops")).filter(
      (name) => !/^(lib|requirements)$/.test(name),
    );
    assert.deepEqual(files.sort(), Object.keys(COMMANDS).sort());
  });

  for (const [file, miscounted] of Object.entries(COMMANDS))
    describe(file, () => {
      const name = file.replace(/\..*$/, "");

      it("is what make calls under the same name", () => {
        const recipe = new RegExp(
          `^${name}:.*\\n\\t@.*ops/${file.replace(".", "\\.")} ?.* \\$\\(ARGS\\)$`,
          "m",
        );
        assert.match(MAKEFILE, recipe);
      });

      it("explains itself", () => {
        const { status, stdout, stderr } = call(file, "--help");
        assert.deepEqual([status, stderr], [0, ""]);
        assert.match(stdout, /^[A-Z][^]+\.\n\nusage: /, "a paragraph, then the usage");
        const usage = `^usage: (node )?ops/${file.replace(".", "\\.")} .*\\[--help\\]$`;
        assert.match(stdout, new RegExp(usage, "m"));
        assert.match(stdout, new RegExp(`^example: make (--silent )?${name}\\b`, "m"));
        assert.match(stdout, /^exit code: 0 done, 1 failed, 2 wrong usage$/m);
        assert.equal(/^usage: .*\[--json\]/m.test(stdout), JSON_COMMANDS.includes(file));
      });

      for (const line of [["--no-such-option"], ...miscounted])
        it(`refuses ${line.length ? `"${line.join(" ")}"` : "no arguments"} as wrong usage`, () => {
          const { status, stdout, stderr } = call(file, ...line);
          assert.deepEqual([status, stdout], [2, ""]);
          assert.match(stderr, /^\nerror: .+\n {2}usage: .+\n {2}fix: call it as in "make .+\n$/);
        });
    });
});
