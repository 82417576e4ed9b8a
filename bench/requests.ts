/** The requests of the administrator's commands to the API server of the local cluster, by its audit log. */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** The log is beside the kubeconfig of the local cluster. */
const logFile = () => join(dirname(process.env.KUBECONFIG!), "logs/kube-apiserver-audit.log");

/** The length of the log in bytes. */
export const endOfLog = (file = logFile()): number => statSync(file).size;

/** The end of a log from a place on, or all of one that was begun anew since. */
function tail(file: string, from: number): string {
  const size = statSync(file).size;
  const start = size < from ? 0 : from;
  const descriptor = openSync(file, "r");
  try {
    const buffer = Buffer.alloc(size - start);
    const length = readSync(descriptor, buffer, 0, buffer.length, start);
    return buffer.toString("utf8", 0, length);
  } finally {
    closeSync(descriptor);
  }
}

/** The number of requests in the log from a place on. A watch has a line at its begin and one at its end, and counts once. */
export function requestsSince(from: number, file = logFile()): number {
  const lines = tail(file, from).split("\n").filter(Boolean);
  return new Set(lines.map((line) => (JSON.parse(line) as { auditID: string }).auditID)).size;
}
