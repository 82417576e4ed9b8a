/** Daemons on this machine beside the cluster: those of the stack, and others that tests start to cause faults. */
import { readFileSync, readdirSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { homedir } from "node:os";
import { join } from "node:path";
import { sh } from "./shell.ts";

/**
 * Whether a process runs. A zombie, for which its parent has not waited, counts as ended once its last thread is gone:
 * only then are its files closed.
 */
function runs(pid: number): boolean {
  try {
    const zombie = readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
    return !zombie || readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

/** The processes of this machine in cgroups whose path has this in it, such as the uid of a pod or the id of a container. */
export const processesIn = (cgroup: string): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(cgroup);
      } catch {
        return false; // it has ended in the meantime
      }
    })
    .map(Number);

async function ended(pid: number): Promise<void> {
  while (runs(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
}

const pidIn = (file: string) => Number(readFileSync(file, "utf8").split(" ")[0]);

/** A daemon that local/up started, found by the name of its pid record. */
export function daemon(name: string) {
  const state = process.env.XDG_STATE_HOME ?? join(homedir(), ".local/state");
  const pid = pidIn(join(state, "todo-app/run", `${name}.pid`));
  return {
    runs: () => runs(pid),
    kill: () => {
      process.kill(pid, "SIGKILL");
      return ended(pid);
    },
  };
}

/** Serves HTTP on this machine while `use` runs. */
export async function withServer(
  port: number,
  answer: RequestListener,
  use: (port: number) => Promise<unknown>,
) {
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  try {
    await use((server.address() as { port: number }).port);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/**
 * Runs a separate Docker daemon whose data does not fit on its disk. It shares the bridge of the other daemon: a daemon
 * that is told to use none deletes docker0, even if another daemon created it.
 */
export async function withFullDocker(folder: string, use: (socket: string) => Promise<unknown>) {
  const data = join(folder, ".docker-data");
  const socket = join(folder, ".docker.sock");
  await sh(
    `mkdir ${data}; mount -t tmpfs -o size=64m todo-app-full ${data}; ` +
      `setsid -f dockerd --host unix://${socket} --data-root ${data}/root --exec-root ${data}/exec --pidfile ${data}/pid ` +
      `--bridge docker0 --iptables=false --registry-mirror http://localhost:5000 --oom-score-adjust 0 ` +
      `>${data}/log 2>&1 </dev/null; ` +
      `for try in {1..100}; do docker --host unix://${socket} version >/dev/null 2>&1 && exit; sleep 0.1; done; cat ${data}/log; exit 1`,
  );
  try {
    await use(socket);
  } finally {
    const pid = pidIn(join(data, "pid"));
    process.kill(pid);
    await ended(pid);
    await sh(`umount --recursive ${data}; rmdir ${data}`);
  }
}
