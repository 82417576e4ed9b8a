/** Measures where the processor time of a command goes: to the engine, to the program, to the plugins or to what this project adds. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ENGINE, LANGUAGE_HOST, POLICY_PACK, PROGRAM } from "../../ops/lib/engine/commandLines.ts";
import { temporaryFolder } from "../cleanUp.ts";
import { measure } from "../measure.ts";
import type { Process } from "../processes.ts";
import { must } from "../stage.ts";
import { emptyProgram } from "../tools/emptyProgram.ts";
import { pulumiProject } from "../tools/project.ts";

/** Runs of each command. */
const RUNS = 5;
/** A process may take that much time after it was last seen, which then counts as that of `REST`. */
const EVERY_MILLISECONDS = 20;

/** The parts of a command, each by what the command lines of its processes have. The first that fits counts. */
const PARTS: Readonly<Record<string, RegExp>> = {
  engine: ENGINE,
  "language host": LANGUAGE_HOST,
  policies: POLICY_PACK,
  program: PROGRAM,
  "plugin kubernetes": /pulumi-resource-kubernetes/,
  "other plugins": /pulumi-resource-/,
  "command of make": /\bops\/[a-z-]+\.ts/,
};
/** Everything else: kubectl, make, shells, and what ran for too short a time to be seen. */
const REST = "everything else";

/** The part that a process with this command line belongs to. */
export const partOf = (command: string): string =>
  Object.keys(PARTS).find((part) => PARTS[part]!.test(command)) ?? REST;

/** The processor time of each part of a line of bash, in seconds. */
async function profile(line: string): Promise<ReadonlyMap<string, number>> {
  const seen = new Map<number, { part: string; cpuSeconds: number }>();
  const look = (processes: readonly Process[]) => {
    for (const { pid, command, cpuSeconds } of processes)
      // One that has ended has no command line any more, and one that has just begun may still have that of a shell.
      seen.set(pid, {
        part: command ? partOf(command) : (seen.get(pid)?.part ?? REST),
        cpuSeconds,
      });
  };
  const { cpuSeconds: total } = await measure(line, {
    look,
    everyMilliseconds: EVERY_MILLISECONDS,
  });
  const parts = new Map(Object.keys(PARTS).map((part) => [part, 0]));
  for (const { part, cpuSeconds } of seen.values())
    if (part !== REST) parts.set(part, parts.get(part)! + cpuSeconds);
  const known = [...parts.values()].reduce((sum, seconds) => sum + seconds, 0);
  return parts.set(REST, Math.max(0, total - known));
}

/** A program that loads every module that `index.ts` loads, and declares nothing. */
function modulesOfProgram(): string {
  const modules = [...readFileSync("index.ts", "utf8").matchAll(/^import .* from "(\.\/.*)";$/gm)];
  return modules.map(([, path]) => `import "${join(process.cwd(), path!)}";\n`).join("");
}

/** What is profiled: dev as it is deployed, without a change, and programs that declare less. */
function commands(folder: string) {
  const { prepare: prepareEmpty = "true", steps } = emptyProgram({ folder });
  const loading = pulumiProject(join(folder, "loading"), "loading", modulesOfProgram());
  // Preflight of the program is off in stages that are not dev, and `make` makes it by itself.
  const preview = "TODO_APP_NO_PREFLIGHT=1 pulumi preview --stack dev --expect-no-changes";
  const load = loading.run("up --yes --skip-preview");
  const up = "make --no-print-directory up";
  return {
    // After the last one, dev is without a change.
    prepare: [prepareEmpty, loading.prepare, load, up].join("; "),
    lines: {
      "empty program": steps.preview!,
      "modules alone": loading.run("preview --expect-no-changes"),
      "pulumi preview": preview,
      "make preview": "make --no-print-directory preview",
      "make up": up,
    },
  };
}

/** Profiles the commands in turn, with dev on the local cluster, which is deployed. */
export async function measureProfile(): Promise<readonly object[]> {
  const folder = temporaryFolder("profile");
  const rows: object[] = [];
  try {
    const { prepare, lines } = commands(folder);
    await must("bash", "-euo", "pipefail", "-c", prepare);
    for (const line of Object.values(lines)) await measure(line); // fills the caches
    for (let run = 1; run <= RUNS; run++)
      for (const [command, line] of Object.entries(lines))
        for (const [part, seconds] of await profile(line))
          rows.push({ run, command, part, cpu_seconds: seconds.toFixed(2) });
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
