/** Runs a line of bash and measures it with everything that it starts. */
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError } from "../ops/lib/errors.ts";

/** What a run has cost. */
export interface Cost {
  readonly wallSeconds: number;
  /** User and system time of all processes that were waited for, which leaves out daemons. */
  readonly cpuSeconds: number;
  /** Memory of all processes at the same time, at its highest. */
  readonly peakMebibytes: number;
}

const TIME = "/usr/bin/time";
/** Wall time, user time, system time in seconds, and the memory of the largest process in KiB. */
const FORMAT = "%e %U %S %M";
const SAMPLE_MILLISECONDS = 100;
const PAGE_BYTES = 4096;
const MEBIBYTE = 2 ** 20;

/** A file of /proc; undefined where the process has ended. */
function proc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    return undefined;
  }
}

/** The parent of each process that runs. */
function parents(): ReadonlyMap<number, number> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return new Map(
    pids.flatMap((pid) => {
      // The name of the program, which may contain blanks, is in parentheses before the state and the parent.
      const [, parent] = (proc(`${pid}/stat`) ?? "").replace(/^.*\) /s, "").split(" ");
      return parent ? [[Number(pid), Number(parent)] as const] : [];
    }),
  );
}

/** The memory that a process and everything below it have now. Pages that processes share count for each. */
function memoryBelow(root: number): number {
  const parentOf = parents();
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === root || isBelow(parentOf.get(pid)));
  const sizes = [...parentOf.keys()]
    .filter(isBelow)
    .map((pid) => Number(proc(`${pid}/statm`)?.split(" ")[1] ?? 0) * PAGE_BYTES);
  return sizes.reduce((total, size) => total + size, 0);
}

/** Runs the line below GNU time, which writes into `report`; what it prints goes into `log`. */
function start(line: string, report: string, log: number) {
  const command = ["bash", "-euo", "pipefail", "-c", line];
  return spawn(TIME, ["--quiet", `--format=${FORMAT}`, `--output=${report}`, ...command], {
    stdio: ["ignore", log, log],
  });
}

/** Waits for a process, and looks at its memory meanwhile. @returns its exit code and the most memory that was seen */
function watch(child: ReturnType<typeof start>): Promise<{ code: number; seenBytes: number }> {
  let seenBytes = 0;
  const sampler = setInterval(() => {
    seenBytes = Math.max(seenBytes, memoryBelow(child.pid!));
  }, SAMPLE_MILLISECONDS);
  return new Promise((resolve, reject) => {
    child.on("error", () => {
      clearInterval(sampler);
      reject(
        new OperatorError(
          `${TIME} is not installed`,
          "install GNU time (Debian: apt-get install time)",
        ),
      );
    });
    child.on("close", (code) => {
      clearInterval(sampler);
      resolve({ code: code ?? 1, seenBytes });
    });
  });
}

/**
 * Runs a line of bash, which must succeed.
 *
 * Memory is looked at ten times a second. What runs for a shorter time is seen by the kernel alone, which knows the largest
 * process.
 */
export async function measure(line: string): Promise<Cost> {
  const folder = mkdtempSync(join(tmpdir(), "todo-app-measure-"));
  const [report, printed] = [join(folder, "report"), join(folder, "log")];
  const log = openSync(printed, "w");
  try {
    const { code, seenBytes } = await watch(start(line, report, log));
    if (code !== 0) {
      const last = readFileSync(printed, "utf8").trimEnd().split("\n").slice(-20).join("\n");
      throw new Error(`"${line}" ended with ${code}:\n${last}`);
    }
    const [wall, user, system, largestKibibytes] = readFileSync(report, "utf8")
      .split(" ")
      .map(Number);
    return {
      wallSeconds: wall!,
      cpuSeconds: user! + system!,
      peakMebibytes: Math.max(seenBytes, largestKibibytes! * 1024) / MEBIBYTE,
    };
  } finally {
    closeSync(log);
    rmSync(folder, { recursive: true });
  }
}
