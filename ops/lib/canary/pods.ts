/** Reads the pods of a canary and their metrics. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { SERVICE_NAMES } from "../../../config/services.ts";
import { request, type Place } from "../kubectl.ts";
import { countersIn } from "./metrics.ts";
import { canaryOf } from "./running.ts";
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

const NAME = "app.kubernetes.io/name";

/**
 * Fetches a page from a port of a pod, through `kubectl port-forward`: the pod's NetworkPolicy lets nobody else in, and its image
 * may have no program that could fetch it.
 */
async function fetchFrom(
  { context, namespace }: Place,
  pod: string,
  port: number,
  path: string,
): Promise<string> {
  const target = [`pod/${pod}`, `:${port}`, "--address=127.0.0.1"];
  const place = [`--context=${context}`, `--namespace=${namespace}`];
  const forward = spawn("kubectl", [...place, "port-forward", ...target], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const signal = AbortSignal.timeout(PATIENCE_MS);
  try {
    const local = await new Promise<string>((resolve, reject) => {
      let complaint = "";
      forward.stderr.on("data", (text: Buffer) => (complaint += text.toString()));
      forward.on("error", reject);
      forward.on("close", () => reject(new Error(complaint.trim() || "kubectl ended")));
      signal.addEventListener("abort", () =>
        reject(new Error(`no answer within ${PATIENCE_MS / 1000} s`)),
      );
      createInterface({ input: forward.stdout }).on("line", (line) => {
        const [, found] = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line) ?? [];
        if (found) resolve(found);
      });
    });
    const answer = await fetch(`http://127.0.0.1:${local}${path}`, { signal });
    if (!answer.ok) throw new Error(`${path} answers with status ${answer.status}`);
    return await answer.text();
  } finally {
    forward.kill();
  }
}

async function readingOf(place: Place, { metadata, spec, status }: Pod): Promise<PodReading> {
  const ports = spec.containers.flatMap((container) => container.ports ?? []);
  const port = ports.find(({ name }) => name === "metrics")?.containerPort;
  const reading = {
    name: metadata.name,
    service: SERVICE_NAMES.find((each) => canaryOf(each) === metadata.labels[NAME])!,
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
  const selector = `--selector=${NAME} in (${SERVICE_NAMES.map(canaryOf).join(",")})`;
  const { code, stdout } = await request(place, ["get", "pods", selector, "--output=json"]);
  if (code !== 0) return [];
  const { items } = JSON.parse(stdout) as { readonly items: readonly Pod[] };
  const present = items.filter(({ metadata }) => !metadata.deletionTimestamp);
  return Promise.all(present.map((pod) => readingOf(place, pod)));
}
