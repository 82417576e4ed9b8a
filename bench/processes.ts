/** The processes that a command has started, by Linux's /proc. */
import { readFileSync, readdirSync } from "node:fs";

const PAGE_BYTES = 4096;
/** Ticks of the kernel in a second: what `getconf CLK_TCK` says on every Linux of today. */
const TICKS = 100;

/** What is known of a process while it runs. */
export interface Process {
  readonly pid: number;
  /** Its command line; empty where it has ended, and its parent has not yet asked for its exit code. */
  readonly command: string;
  /** User and system time so far. */
  readonly cpuSeconds: number;
  /** Memory that it has now. Pages that it shares with others count in full. */
  readonly bytes: number;
}

/** A file of /proc; undefined where the process has ended. */
function proc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    return undefined;
  }
}

/** What /proc/<pid>/stat says, from the third field on: state, parent and so on. */
function stats(): ReadonlyMap<number, readonly string[]> {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return new Map(
    pids.flatMap((pid) => {
      // The name of the program, which may contain blanks, is in parentheses before the state.
      const fields = (proc(`${pid}/stat`) ?? "").replace(/^.*\) /s, "").split(" ");
      return fields.length > 1 ? [[Number(pid), fields] as const] : [];
    }),
  );
}

/** A process and everything below it. */
export function processesBelow(root: number): readonly Process[] {
  const all = stats();
  const isBelow = (pid: number): boolean => {
    const fields = all.get(pid);
    return pid === root || (fields !== undefined && isBelow(Number(fields[1])));
  };
  return [...all].flatMap(([pid, fields]) => {
    if (!isBelow(pid)) return [];
    return {
      pid,
      command: (proc(`${pid}/cmdline`) ?? "").replaceAll("\0", " "),
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
      bytes: Number(proc(`${pid}/statm`)?.split(" ")[1] ?? 0) * PAGE_BYTES,
    };
  });
}
