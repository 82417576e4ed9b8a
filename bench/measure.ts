/** Runs a line of bash and measures it with everything that it starts. */
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError } from "../ops/lib/errors.ts";
import { processesBelow, type Process } from "./processes.ts";

/** What a run has cost. */
export interface Cost {
  readonly wallSeconds: number;
  /** User and system time of all processes that were waited for, which leaves out daemons. */
  readonly cpuSeconds: number;
  /** Memory of all processes at the same time, at its highest. */
  readonly peakMebibytes: number;
}

/** Somebody who looks at the processes of a command while it runs. */
interface Observer {
  readonly look: (processes: readonly Process[]) => void;
  readonly everyMilliseconds: number;
}

const TIME = "/usr/bin/time";
/** Wall time, user time, system time in seconds, and the memory of the largest process in KiB. */
const FORMAT = "%e %U %S %M";
const NOBODY: Observer = { look: () => {}, everyMilliseconds: 100 };
const MEBIBYTE = 2 ** 20;

/**
 * Runs the line below GNU time, which writes into `report`; what it prints goes into `log`. The line has a process group of its own, to
 * which `watch` passes on a signal.
 */
function start(line: string, report: string, log: number) {
  const command = ["bash", "-euo", "pipefail", "-c", line];
  return spawn(TIME, ["--quiet", `--format=${FORMAT}`, `--output=${report}`, ...command], {
    stdio: ["ignore", log, log],
    detached: true,
  });
}

/**
 * Waits for a process, and shows it and everything below it to an observer. Where somebody ends the measurement meanwhile, the process is
 * interrupted, so that it fails and everything is cleaned up.
 *
 * @returns its exit code
 */
function watch(child: ReturnType<typeof start>, observer: Observer): Promise<number> {
  const look = () => observer.look(processesBelow(child.pid!));
  const sampler = setInterval(look, observer.everyMilliseconds);
  const interrupt = () => process.kill(-child.pid!, "SIGINT");
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, interrupt);
  const stop = () => {
    clearInterval(sampler);
    for (const signal of signals) process.off(signal, interrupt);
  };
  return new Promise((resolve, reject) => {
    child.on("error", () => {
      stop();
      reject(
        new OperatorError(
          `${TIME} is not installed`,
          "install GNU time (Debian: apt-get install time)",
        ),
      );
    });
    child.on("close", (code) => {
      stop();
      resolve(code ?? 1);
    });
  });
}

/**
 * Runs a line of bash, which must succeed.
 *
 * Memory is looked at ten times a second. What runs for a shorter time is seen by the kernel alone, which knows the largest
 * process.
 *
 * @param observer who else looks, then as often as wanted here @default nobody
 */
export async function measure(line: string, observer = NOBODY): Promise<Cost> {
  const folder = mkdtempSync(join(tmpdir(), "todo-app-measure-"));
  const [report, printed] = [join(folder, "report"), join(folder, "log")];
  const log = openSync(printed, "w");
  let seenBytes = 0;
  try {
    const look: Observer["look"] = (processes) => {
      const bytes = processes.reduce((total, process) => total + process.bytes, 0);
      seenBytes = Math.max(seenBytes, bytes);
      observer.look(processes);
    };
    const code = await watch(start(line, report, log), { ...observer, look });
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
