/** A cluster as the watch of rollouts sees it: objects of one release, and a watch that looks at them. */
import type { ApiObject } from "../../../ops/lib/watch/objects.ts";
import { RolloutWatch, type Means, type RolloutFailure } from "../../../ops/lib/watch/watch.ts";

export const START = Date.parse("2026-01-01T00:00:00Z");
export const iso = (seconds: number) => new Date(START + seconds * 1000).toISOString();

export const owned = (uid: string) => [{ uid, controller: true }];
export const deployment = (status: object = {}, revision = "2"): ApiObject => ({
  kind: "Deployment",
  metadata: {
    name: "backend",
    uid: "deployment",
    generation: 2,
    annotations: { "deployment.kubernetes.io/revision": revision },
  },
  status: { observedGeneration: 2, ...status },
});
export const replicaSet = (revision: string, status: object = {}): ApiObject => ({
  kind: "ReplicaSet",
  metadata: {
    name: `backend-${revision}`,
    uid: `set-${revision}`,
    annotations: { "deployment.kubernetes.io/revision": revision },
    ownerReferences: owned("deployment"),
  },
  status,
});

interface Pod {
  readonly owner?: string;
  readonly name?: string;
  readonly born?: number;
  readonly deleted?: boolean;
  readonly status?: object;
  readonly labels?: Record<string, string>;
}
export const pod = (
  container: object,
  { owner = "set-2", name = "new", born = 5, ...more }: Pod = {},
): ApiObject => ({
  kind: "Pod",
  metadata: {
    name,
    uid: `pod-${name}`,
    creationTimestamp: iso(born),
    labels: more.labels,
    ownerReferences: owned(owner),
    ...(more.deleted && { deletionTimestamp: iso(born) }),
  },
  spec: {
    containers: [{ name: "app", readinessProbe: { periodSeconds: 5, failureThreshold: 2 } }],
  },
  status: {
    containerStatuses: [
      { name: "app", ready: false, restartCount: 0, state: {}, lastState: {}, ...container },
    ],
    ...more.status,
  },
});
export const waiting = (reason: string, message = "", more: object = {}) => ({
  state: { waiting: { reason, message } },
  ...more,
});
export const warning = (uid: string, reason: string, message: string): ApiObject => ({
  kind: "Event",
  type: "Warning",
  metadata: { name: "event", uid: "event" },
  reason,
  message,
  involvedObject: { uid },
  lastTimestamp: iso(6),
});
export const rollout = (...more: ApiObject[]) => [
  deployment(),
  replicaSet("1"),
  replicaSet("2"),
  ...more,
];
export const statefulSet: ApiObject = {
  kind: "StatefulSet",
  metadata: { name: "postgres", uid: "set", generation: 1 },
  status: { observedGeneration: 1, updateRevision: "postgres-2" },
};
export const job = (failed?: object): ApiObject => ({
  kind: "Job",
  metadata: { name: "migration-1a2b3c4d", uid: "job" },
  status: { conditions: failed ? [{ type: "Failed", status: "True", ...failed }] : [] },
});
export const terminated = (exitCode: number, reason: string) => ({
  terminated: { exitCode, reason },
});

/** No watch of a test goes on for longer. */
export const LIMIT_SECONDS = 120;

/**
 * Runs the watch on a cluster that does not change. Returns the failure, if there is one, and after how many seconds it
 * came.
 */
export async function watched(
  objects: readonly ApiObject[] | ((seconds: number) => readonly ApiObject[] | undefined),
  begun: readonly [kind: string, name: string] = ["Deployment", "backend"],
): Promise<{ failure?: RolloutFailure; seconds: number; logs: unknown[][] }> {
  let seconds = 0;
  const logs: unknown[][] = [];
  let end = () => {};
  const over = new Promise<undefined>((resolve) => (end = () => resolve(undefined)));
  const means: Means = {
    objects: () => Promise.resolve(typeof objects === "function" ? objects(seconds) : objects),
    log: (...args) => Promise.resolve((logs.push(args), ["last words"])),
    now: () => START + seconds * 1000,
    pause: (milliseconds) => {
      seconds += milliseconds / 1000;
      if (seconds >= LIMIT_SECONDS) {
        watch.stop();
        end();
      }
      return Promise.resolve();
    },
  };
  const watch = new RolloutWatch({ context: "minikube", namespace: "todo-app-dev" }, means);
  watch.begin(...begun);
  const failure = await Promise.race([watch.failure, over]);
  watch.stop();
  return { failure, seconds, logs };
}
