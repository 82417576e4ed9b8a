import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../ops/lib/run.ts";
import { callInProcess } from "./support/inProcess.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAKEFILE = readFileSync(join(ROOT, "Makefile"), "utf8");

/** Each command with wrong command lines. command.test.ts has more for the function that most of them share. */
const COMMANDS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "audit.sh": [["--no-such-option"], ["one"]],
  "backup.ts": [["--no-such-option"], ["one", "two", "three"]],
  "backups.ts": [["--no-such-option"], ["one", "two", "three"]],
  "build-cache.ts": [["--no-such-option"], ["one", "two", "three"]],
  "canary-abort.ts": [["--no-such-option"], ["one", "two", "three"]],
  "canary-promote.ts": [["--json"], ["one", "two", "three"]],
  "canary.ts": [["--no-such-option"], ["one", "two", "three", "four"]],
  "comment.ts": [["--no-such-option"], ["one"], ["one", "two", "three"]],
  "config-diff.ts": [["one"]],
  "dev.ts": [["--no-such-option"], ["one", "two", "three"]],
  "doctor.ts": [["--no-such-option"]],
  "down.ts": [["--yes"]],
  "drill.ts": [["--json"], ["one", "two", "three", "four"]],
  "drift.ts": [["--no-such-option"]],
  "heal.ts": [["--json"]],
  "history.ts": [["--no-such-option"]],
  "images.ts": [["--no-such-option"], ["one", "two", "three"]],
  "issue.ts": [["--no-such-option", "one"], [], ["one", "two"]],
  "login.ts": [["--no-such-option"], ["one", "two", "three"]],
  "manifest.ts": [[]],
  "nightly.ts": [["--json"], ["one", "two", "three"]],
  "pr-stage.ts": [["--no-such-option"], ["one", "two", "three"], ["1", "2", "3", "4", "5"]],
  "preflight.ts": [["--no-such-option"]],
  "preview.ts": [
    ["one", "two", "three"],
    ["--json", "--markdown"],
  ],
  "promote.ts": [
    ["--no-such-option", "one", "two"],
    ["one"],
    ["one", "two", "three", "four", "five", "six"],
  ],
  "render.ts": [["--no-such-option"], ["one", "two", "three", "four"]],
  "restore.ts": [["--no-such-option"], ["one", "two", "three", "four"]],
  "rollback.ts": [["--no-such-option"], ["one", "two", "three", "four"]],
  "rotate.ts": [[], ["one", "two", "three", "four"]],
  "sbom.sh": [["--no-such-option", "one"], [], ["one", "two"]],
  "smoke.ts": [["--no-such-option"], ["--write", "--read-only"]],
  "up.ts": [["--no-such-option"]],
  "update-pins.ts": [["one", "two"]],
};

/** Commands whose output a pipeline reads. */
const JSON_COMMANDS = [
  "backups.ts",
  "config-diff.ts",
  "doctor.ts",
  "drift.ts",
  "history.ts",
  "preflight.ts",
  "preview.ts",
  "smoke.ts",
];

/** What exit codes mean, where that is more than done, failed, wrong usage. */
const EXIT_CODES: Readonly<Record<string, string>> = {
  "doctor.ts":
    "0 nothing is wrong, 1 something is, 2 the cluster can't be looked at, or wrong usage",
};

/** Runs a command as operators do, in a process of its own. @returns its exit code, and what it printed on standard output and on standard error */
async function start(file: string, ...args: string[]) {
  const path = join(ROOT, "ops", file);
  const program: readonly [string, ...string[]] = file.endsWith(".ts") ? ["node", path] : [path];
  const { code, stdout, output } = await run([...program, ...args]);
  return { code, stdout, stderr: output.replace(stdout, "") };
}

/** Runs a command, in this process if it is written in TypeScript. */
const call = (file: string, ...args: string[]) =>
  file.endsWith(".ts") ? callInProcess(file, args) : start(file, ...args);

describe("the commands of ops/", function () {
  // Some tests start a program.
  this.timeout(30_000);

  it("are all files of the folder, except for those that they share", () => {
    const files = readdirSync(join(ROOT, "ops")).filter(
      (name) => !/^(lib|requirements)$/.test(name),
    );
    assert.deepEqual(files.sort(), Object.keys(COMMANDS).sort());
  });

  for (const [file, wrongLines] of Object.entries(COMMANDS))
    describe(file, () => {
      const name = file.replace(/\..*$/, "");

      it("is the command that the make target of the same name calls", () => {
        const recipe = new RegExp(
          `^${name}:.*\\n\\t@.*ops/${file.replace(".", "\\.")} ?.* \\$\\(ARGS\\)$`,
          "m",
        );
        assert.match(MAKEFILE, recipe);
      });

      it("explains itself", async () => {
        const { code, stdout, stderr } = await call(file, "--help");
        assert.deepEqual([code, stderr], [0, ""]);
        assert.match(stdout, /^[A-Z][^]+\.\n\nusage: /, "a paragraph, then the usage");
        const usage = `^usage: (node )?ops/${file.replace(".", "\\.")} .*\\[--help\\]$`;
        assert.match(stdout, new RegExp(usage, "m"));
        assert.match(stdout, new RegExp(`^example: make (--silent )?${name}\\b`, "m"));
        const codes = EXIT_CODES[file] ?? "0 done, 1 failed, 2 wrong usage";
        assert.ok(stdout.split("\n").includes(`exit code: ${codes}`));
        assert.equal(/^usage: .*\[--json\]/m.test(stdout), JSON_COMMANDS.includes(file));
      });

      it("refuses wrong usage with exit code 2 and the usage", async () => {
        for (const [index, line] of wrongLines.entries()) {
          const { code, stdout, stderr } = await (index ? call : start)(file, ...line);
          assert.deepEqual([code, stdout], [2, ""], line.join(" "));
          assert.match(stderr, /^\nerror: .+\n {2}usage: .+\n {2}fix: call it as in "make .+\n$/);
        }
      });
    });
});
