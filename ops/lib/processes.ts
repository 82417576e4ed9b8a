/** The processes of this machine. */
import { run } from "./run.ts";

export interface Process {
  readonly pid: string;
  readonly parent: string;
  /** Its command line. */
  readonly line: string;
}

/** All processes that run; none where there is no `ps`. */
export async function processes(): Promise<readonly Process[]> {
  const { stdout } = await run(["ps", "-A", "-o", "pid=,ppid=,args="]);
  return stdout.split("\n").flatMap((text) => {
    const [, pid = "", parent = "", line = ""] = /^\s*(\d+)\s+(\d+)\s+(.*)/.exec(text) ?? [];
    return pid ? [{ pid, parent, line }] : [];
  });
}
