/** Looks into pods: their logs, how full their volumes are, what they see of the database. */
import { readFileSync } from "node:fs";
import { containersOf } from "../watch/objects.ts";
import type { LiveObject } from "./objects.ts";
import type { Ask } from "./access.ts";
import {
  RECENT_MS,
  isLabelled,
  parseTime,
  ofKind,
  signsIn,
  type Inside,
  type Snapshot,
  type Volume,
} from "./snapshot.ts";

/** So many logs are read at most: more would not show more. */
const MOST_LOGS = 8;

/** Reads the last lines of a container's log. */
export type ReadLog = (
  pod: string,
  container: string | undefined,
  previous: boolean,
) => Promise<string[]>;

interface Place {
  readonly pod: string;
  readonly container: string;
  readonly previous: boolean;
}

/** The containers whose logs may say what is wrong, those of the newest pods first. */
function troubled(snapshot: Pick<Snapshot, "objects" | "now">): readonly Place[] {
  const signs = signsIn(snapshot);
  const pods = ofKind(snapshot.objects, "Pod").toSorted((one, other) =>
    (other.metadata.creationTimestamp ?? "").localeCompare(one.metadata.creationTimestamp ?? ""),
  );
  return pods
    .flatMap((pod) =>
      containersOf(pod)
        .filter(({ ready, state, restartCount }) =>
          state.terminated
            ? state.terminated.exitCode !== 0 &&
              snapshot.now - parseTime(state.terminated.finishedAt) < RECENT_MS
            : !ready && (!!state.running || restartCount > 0),
        )
        .map(({ name, restartCount, state }) => ({
          pod: pod.metadata.name,
          container: name,
          previous:
            signs.find((sign) => sign.pod === pod.metadata.name && sign.container === name)
              ?.previous ??
            (restartCount > 0 && !state.terminated),
        })),
    )
    .slice(0, MOST_LOGS);
}

export async function logsOf(
  snapshot: Pick<Snapshot, "objects" | "now">,
  read: ReadLog,
): Promise<Snapshot["logs"]> {
  const entries = troubled(snapshot).map(
    async ({ pod, container, previous }) =>
      [`${pod}/${container}`, await read(pod, container, previous)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

interface Summary {
  readonly pods?: readonly {
    readonly volume?: readonly {
      readonly usedBytes?: number;
      readonly capacityBytes?: number;
      readonly pvcRef?: { readonly name: string; readonly namespace: string };
    }[];
  }[];
}

const claimOf = (pod: LiveObject) =>
  pod.spec?.volumes?.flatMap(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
  )[0];

/** What a kubelet says about the volumes of its pods. It does not know the size of every kind of volume. */
async function statsOf(ask: Ask, node: string, namespace: string): Promise<readonly Volume[]> {
  const { code, stdout } = await ask(["get", `--raw=/api/v1/nodes/${node}/proxy/stats/summary`]);
  if (code !== 0) return [];
  const volumes = (JSON.parse(stdout) as Summary).pods?.flatMap(({ volume }) => volume ?? []);
  return (volumes ?? []).flatMap(({ pvcRef, usedBytes, capacityBytes }) =>
    pvcRef?.namespace === namespace && usedBytes !== undefined && capacityBytes
      ? [{ claim: pvcRef.name, used: usedBytes, size: capacityBytes }]
      : [],
  );
}

/** Asks the container of the database server, whose image has `df`. */
async function diskFree(ask: Ask, pod: LiveObject, claim: string): Promise<readonly Volume[]> {
  const program = ["sh", "-c", 'df -P -k "$PGDATA/.."'];
  const { code, stdout } = await ask(["exec", pod.metadata.name, "--", ...program]);
  const [, , used, free] = stdout.trim().split("\n").at(-1)?.split(/\s+/) ?? [];
  if (code !== 0 || !Number(used)) return [];
  // Without what the file system keeps for root, as df itself counts.
  return [{ claim, used: Number(used) * 1024, size: (Number(used) + Number(free)) * 1024 }];
}

/** How full the volumes are that pods use. */
export async function volumesOf(
  objects: readonly LiveObject[],
  namespace: string,
  ask: Ask,
): Promise<readonly Volume[]> {
  const pods = ofKind(objects, "Pod").filter(
    (pod) => pod.status?.phase === "Running" && claimOf(pod) && pod.spec?.nodeName,
  );
  const nodes = [...new Set(pods.map(({ spec }) => spec!.nodeName!))];
  const known = (await Promise.all(nodes.map((node) => statsOf(ask, node, namespace)))).flat();
  const others = pods.filter(
    (pod) => isLabelled("postgres")(pod) && !known.some(({ claim }) => claim === claimOf(pod)),
  );
  const asked = await Promise.all(others.map((pod) => diskFree(ask, pod, claimOf(pod)!)));
  return [...known, ...asked.flat()];
}

/** The program that runs in a backend pod. */
const PROGRAM = readFileSync(new URL("check_inside.py", import.meta.url), "utf8");

/** Looks from a backend pod. One that is not ready is asked first: it may have another password than the others. */
export async function insideOf(
  objects: readonly LiveObject[],
  ask: Ask,
): Promise<Inside | undefined> {
  const isRunning = (pod: LiveObject) =>
    !pod.metadata.deletionTimestamp &&
    pod.status?.phase === "Running" &&
    containersOf(pod).some(({ state }) => state.running);
  const isReady = (pod: LiveObject) => containersOf(pod).every(({ ready }) => ready);
  const pods = ofKind(objects, "Pod")
    .filter(isLabelled("backend"))
    .filter(isRunning)
    .toSorted((one, other) => Number(isReady(one)) - Number(isReady(other)));
  for (const { metadata } of pods.slice(0, 2)) {
    const { code, stdout } = await ask(["exec", metadata.name, "--", "python", "-c", PROGRAM]);
    const [dns = "", database = ""] = stdout.split("\n");
    if (code === 0) return { pod: metadata.name, dns, database };
  }
  return undefined;
}
