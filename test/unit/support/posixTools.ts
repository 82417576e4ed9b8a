/** A PATH for the scripts with nothing but POSIX tools, which refuse the options of GNU, as on macOS or a Linux without GNU's tools. */
import { spawnSync } from "node:child_process";
import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The tools of POSIX, each with options that only the one of GNU has, as a pattern of the shell. Long options are refused by all. */
const POSIX: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    "awk basename cat chmod cmp cut dirname env expr id kill ls mkdir od printf ps pwd rm rmdir sh sleep tee tr uname uniq wc"
      .split(" ")
      .map((tool) => [tool, ""]),
  ),
  cp: "-*[aTtu]*",
  date: "-d*",
  df: "-*[BT]*",
  find: "-printf|-regextype|-newermt",
  grep: "-*P*",
  head: "-*z*",
  ln: "-*[Trt]*",
  mv: "-*[Ttu]*",
  readlink: "-*",
  sed: "-*[irsz]*",
  sort: "-*[Vhz]*",
  tail: "-*z*",
  touch: "-d*",
  xargs: "-*[adr]*",
};

/** Lines of a shell, each with the exit code that it has where only these tools are found. */
export const WITHOUT_GNU: readonly (readonly [line: string, status: number])[] = [
  ["flock x", 127],
  ["timeout 1 true", 127],
  ["setsid true", 127],
  ["sha256sum </dev/null", 127],
  ["df --output=avail", 64],
  ["mv -T a b", 64],
  ["sed -i s/a/b/ c", 64],
  ["readlink -f .", 64],
  ["date -d now", 64],
  ["df -P -k .", 0],
];

/** Arguments with which make does without its newer features, and takes the npm packages as they are. */
export const OLD_MAKE = ["-o", "node_modules/.package-lock.json", ".SHELLFLAGS=-c"] as const;

/** Where a program is; empty where this machine does not have it. */
const pathOf = (program: string) =>
  spawnSync("bash", ["-c", 'type -P "$1"', "_", program], { encoding: "utf8" }).stdout.trim();

/** Writes a program into a folder. */
export function writeProgram(folder: string, name: string, script: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, name), 0o755);
}

/** Links those of the programs that this machine has on PATH into a folder, under their own names. */
export function linkPrograms(folder: string, ...names: readonly string[]): void {
  for (const name of names) {
    const path = pathOf(name);
    if (path) symlinkSync(path, join(folder, name));
  }
}

/**
 * Puts the tools of a deploy into a folder, which can be all of PATH: those of POSIX, bash, make and Node.js, and an npm that fails.
 *
 * @param bash another bash, such as one of version 3.2, which macOS has
 */
export function providePosixTools(folder: string, bash = "bash"): void {
  for (const [tool, refused] of Object.entries(POSIX))
    writeProgram(
      folder,
      tool,
      `for argument; do case $argument in ${["--?*", refused].filter(Boolean).join("|")}) echo "${tool}: illegal option $argument" >&2; exit 64 ;; esac; done
exec ${pathOf(tool)} "$@"`,
    );
  symlinkSync(pathOf(bash), join(folder, "bash"));
  linkPrograms(folder, "make");
  symlinkSync(process.execPath, join(folder, "node"));
  writeProgram(folder, "npm", 'echo "npm was called: $*" >&2; exit 1');
}
