/** Reads the pods of a canary and their metrics. */
import { NAME_LABEL } from "../../../components/kubernetes/labels.ts";
import { METRICS_PORT_NAME, canaryOf } from "../../../components/kubernetes/names.ts";
import { SERVICE_NAMES } from "../../../config/services.ts";
import { request, type Place } from "../kubectl.ts";
import { forwardPort } from "../portForward.ts";
import { countersIn } from "./metrics.ts";
import type { PodReading } from "./watch.ts";

/** How long a pod may take to give its metrics. */
const PATIENCE_MS = 10_000;

interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: {
    readonly containers: readonly {
      readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
    }[];
  };
  readonly status?: { readonly containerStatuses?: readonly { readonly restartCount: number }[] };
}

/** Fetches a page from a port of a pod. */
async function fetchFrom(place: Place, pod: string, port: number, path: string): Promise<string> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const forward = forwardPort(place, pod, port, PATIENCE_MS);
  try {
    const answer = await fetch(`http://${await forward.address}${path}`, { signal });
    if (!answer.ok) throw new Error(`${path} answers with status ${answer.status}`);
    return await answer.text();
  } finally {
    forward.end();
  }
}

async function readingOf(place: Place, { metadata, spec, status }: Pod): Promise<PodReading> {
  const ports = spec.containers.flatMap((container) => container.ports ?? []);
  const port = ports.find(({ name }) => name === METRICS_PORT_NAME)?.containerPort;
  const reading = {
    name: metadata.name,
    service: SERVICE_NAMES.find((each) => canaryOf(each) === metadata.labels[NAME_LABEL])!,
    restarts: Math.max(
      0,
      ...(status?.containerStatuses ?? []).map(({ restartCount }) => restartCount),
    ),
  };
  if (port === undefined) return { ...reading, problem: "it has no port named metrics" };
  try {
    const text = await fetchFrom(place, metadata.name, port, "/metrics");
    return { ...reading, counters: countersIn(text) };
  } catch (error) {
    return { ...reading, problem: (error as Error).message };
  }
}

/** The pods of the canary that are not being deleted; none where the API server gives no answer. */
export async function canaryPods(place: Place): Promise<readonly PodReading[]> {
  const selector = `--selector=${NAME_LABEL} in (${SERVICE_NAMES.map(canaryOf).join(",")})`;
  const { code, stdout } = await request(place, ["get", "pods", selector, "--output=json"]);
  if (code !== 0) return [];
  const { items } = JSON.parse(stdout) as { readonly items: readonly Pod[] };
  const present = items.filter(({ metadata }) => !metadata.deletionTimestamp);
  return Promise.all(present.map((pod) => readingOf(place, pod)));
}
