/**
 * Signs that a CloudNativePG cluster will not become ready. The Cluster itself is not read: its Jobs and pods show more, and a cluster
 * without the operator has no such kind.
 */
import { containersOf, ofKind, podsOf, timeOf, type ApiObject } from "./objects.ts";
import { claimSigns, jobSigns, podSigns, type Found, type Sign } from "./signs.ts";

const CLUSTER_LABEL = "cnpg.io/cluster";
/** A Job that makes a server is tried again for minutes. Only the engine decides when that takes too long. */
const UNTIL_TIMEOUT = 86_400;

/** The last try of a Job that has not failed for good. */
function failedTry(objects: readonly ApiObject[], job: ApiObject): Found[] {
  const pod = podsOf(objects, job)
    .filter(({ status }) => status?.phase === "Failed")
    .sort((one, other) => timeOf(one) - timeOf(other))
    .at(-1);
  if (!pod) return [];
  const container = containersOf(pod).findLast(({ state }) => state.terminated?.exitCode)?.name;
  const message = `a pod of Job ${job.metadata.name} has failed`;
  return [
    { reason: "Failed", message, pod: pod.metadata.name, container, tolerated: UNTIL_TIMEOUT },
  ];
}

/** Every sign at this moment that the cluster of that name, whose change began at `since`, may not become ready. */
export function clusterSigns(objects: readonly ApiObject[], name: string, since: number): Sign[] {
  const own = (kind: string) =>
    ofKind(objects, kind).filter(({ metadata }) => metadata.labels?.[CLUSTER_LABEL] === name);
  const jobs = own("Job");
  const ofJobs = new Set(jobs.flatMap((job) => podsOf(objects, job)));
  const servers = own("Pod").filter((pod) => !ofJobs.has(pod) && !pod.metadata.deletionTimestamp);
  const found = [
    ...jobs.flatMap((job) => {
      const signs = jobSigns(objects, job, Math.floor(since / 1000) * 1000);
      return signs.length ? signs : failedTry(objects, job);
    }),
    // The operator replaces a server that does not answer its probes, and waits for one that comes late.
    ...servers.flatMap((pod) => podSigns(objects, pod, { probes: false })),
  ];
  return [
    ...found.map((each) => ({ ...each, workload: `Cluster/${name}` })),
    ...claimSigns(objects),
  ];
}

interface Line {
  /** When it was written; the app's own logs call that otherwise. */
  readonly ts?: string;
  readonly level?: string;
  readonly msg?: string;
  readonly error?: string;
  /** What the server has logged. */
  readonly record?: { readonly error_severity?: string; readonly message?: string };
}

function parsed(line: string): Line | undefined {
  try {
    return JSON.parse(line) as Line | undefined;
  } catch {
    return undefined;
  }
}

/** The lines of a log. Those of the operator's programs are JSON with stack traces: of them, what they say. */
export const readable = (lines: readonly string[]): string[] => {
  const said = lines.map((line) => {
    const { ts, level, msg, error, record } = parsed(line) ?? {};
    if (typeof ts !== "string") return line;
    if (record?.message) return `${record.error_severity}: ${record.message}`;
    return `${level}: ${msg}${error ? `: ${error}` : ""}`;
  });
  return said.filter((line, index) => line !== said[index - 1]);
};
