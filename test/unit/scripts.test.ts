/**
 * What the shell scripts and the Makefile may use, as macOS has it. A list of patterns can't know everything: TEST_BASH names another
 * bash that has to read them, such as one of version 3.2.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BASH = process.env.TEST_BASH ?? "bash";

/** The scripts of this repository in these folders, for bash. */
const scripts = (...folders: readonly string[]) =>
  spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...folders], {
    cwd: ROOT,
    encoding: "utf8",
  })
    .stdout.trim()
    .split("\n")
    .filter((file) => existsSync(join(ROOT, file)))
    .map((file) => ({ file, text: readFileSync(join(ROOT, file), "utf8") }))
    .filter(({ text }) => /^#!.*\bbash$|^# shellcheck shell=bash/m.test(text));

describe("the scripts", () => {
  /** What bash 3.2 can't read, or reads as something else. A bash of that version, by TEST_BASH, knows all of it. */
  const NEWER_THAN_3_2: readonly (readonly [what: string, pattern: RegExp])[] = [
    ["a case of letters", /\$\{\w+(\[[^\]]*\])?[,^]/],
    ["${name@Q} and the like", /\$\{\w+(\[[^\]]*\])?@[A-Za-z]\}/],
    ["a negative index", /\$\{\w+\[-\d/],
    ["mapfile, readarray, coproc", /(^|[;&|(]\s*|\s)(mapfile|readarray|coproc)\s/],
    ["arrays by name, references, globals", /\b(declare|local|typeset)\s+-\w*[Ang]/],
    ["[[ -v name ]]", /(\[\[|\btest)\s+(!\s+)?-v\s/],
    ["&>> and |&", /&>>|\|&/],
    [";& and ;;&", /;;?&/],
    ["wait -n", /\bwait\s+-n/],
    ["exec {name}>file", /\bexec\s+\{\w+\}/],
    ["patterns with @(…)", /(^|[\s"/])[@+]\(/],
    ["case inside $(…)", /\$\(\s*case\b/],
    ["printf %(…)T", /printf\s+\S*%\(/],
    ["variables of bash 4 and 5", /\$\{?(BASHPID|EPOCHSECONDS|EPOCHREALTIME|SRANDOM)\b/],
    ["options of bash 4", /\bshopt\s+-s\s+.*(globstar|lastpipe|inherit_errexit)/],
    ["sequences with leading zeros", /\{0\d+\.\./],
  ];
  const GNU_OPTIONS =
    /\b(df\s+--|mv\s+-\w*T|cp\s+-\w*a|sed\s+-\w*[ir]|date\s+-d|stat\s+-c|readlink\s+-[efm]|sort\s+-\w*V|grep\s+-\w*P|xargs\s+-\w*[dr])/;
  // local/cluster too: the scripts that every machine runs read it.
  const read = scripts("local", "ops");
  /** Those of which some line runs on a machine without root. */
  const shared = read.filter(({ file }) => !/^local\/(cluster|images)\//.test(file));

  it("have no syntax that bash 3.2 does not know", () => {
    assert.ok(read.length > 15);
    for (const { file, text } of read)
      text.split("\n").forEach((line, index) => {
        if (/^\s*#/.test(line)) return;
        for (const [what, pattern] of NEWER_THAN_3_2)
          assert.doesNotMatch(line, pattern, `${file}:${index + 1}: ${what}`);
      });
  });

  it("use no options that only the tools of GNU have, also where no test above gets", () => {
    for (const { file, text } of shared) assert.doesNotMatch(text, GNU_OPTIONS, file);
  });

  it("can be read by bash", () => {
    for (const { file } of read) {
      const { status, stderr } = spawnSync(BASH, ["-n", join(ROOT, file)], { encoding: "utf8" });
      assert.equal(status, 0, stderr);
    }
  });

  it("and the Makefile need no make newer than 3.81, which macOS has", () => {
    const makefile = readFileSync(join(ROOT, "Makefile"), "utf8");
    const newer =
      /^\.ONESHELL|\$\((file|guile|let|intcmp)\b|^\w+\s*(!=|::?:=)|^(undefine|private|load)\b|&:/m;
    assert.doesNotMatch(makefile, newer);
  });

  it("keep their line ends on Windows, where WSL runs them", () => {
    const files = ["local/up", "Makefile", "app/backend/Dockerfile", "components/backup/lib.sh"];
    const { stdout } = spawnSync("git", ["check-attr", "eol", "--", ...files], {
      cwd: ROOT,
      encoding: "utf8",
    });
    assert.equal(stdout, files.map((file) => `${file}: eol: lf\n`).join(""));
  });
});
