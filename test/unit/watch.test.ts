/** Which rollouts the watch gives up, when, and with which text. The cluster is only described by objects. */
import assert from "node:assert/strict";
import { describeFailure } from "../../ops/lib/watch/describe.ts";
import type { ApiObject } from "../../ops/lib/watch/objects.ts";
import { RolloutWatch, type Means, type RolloutFailure } from "../../ops/lib/watch/watch.ts";

const START = Date.parse("2026-01-01T00:00:00Z");
const iso = (seconds: number) => new Date(START + seconds * 1000).toISOString();

const owned = (uid: string) => [{ uid, controller: true }];
const deployment = (status: object = {}, revision = "2"): ApiObject => ({
  kind: "Deployment",
  metadata: {
    name: "backend",
    uid: "deployment",
    generation: 2,
    annotations: { "deployment.kubernetes.io/revision": revision },
  },
  status: { observedGeneration: 2, ...status },
});
const replicaSet = (revision: string, status: object = {}): ApiObject => ({
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
const pod = (
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
const waiting = (reason: string, message = "", more: object = {}) => ({
  state: { waiting: { reason, message } },
  ...more,
});
const warning = (uid: string, reason: string, message: string): ApiObject => ({
  kind: "Event",
  type: "Warning",
  metadata: { name: "event", uid: "event" },
  reason,
  message,
  involvedObject: { uid },
  lastTimestamp: iso(6),
});
const rollout = (...more: ApiObject[]) => [deployment(), replicaSet("1"), replicaSet("2"), ...more];
const statefulSet: ApiObject = {
  kind: "StatefulSet",
  metadata: { name: "postgres", uid: "set", generation: 1 },
  status: { observedGeneration: 1, updateRevision: "postgres-2" },
};
const job = (failed?: object): ApiObject => ({
  kind: "Job",
  metadata: { name: "migration-1a2b3c4d", uid: "job" },
  status: { conditions: failed ? [{ type: "Failed", status: "True", ...failed }] : [] },
});
const terminated = (exitCode: number, reason: string) => ({ terminated: { exitCode, reason } });

const LIMIT_SECONDS = 120;

/**
 * Runs the watch on a cluster that does not change. Returns the failure, if there is one, and after how many seconds it
 * came.
 */
async function watched(
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

describe("a rollout is given up", () => {
  interface Case {
    readonly sign: string;
    readonly objects: readonly ApiObject[];
    readonly begun?: readonly [string, string];
    readonly reason: string;
    readonly workload?: string;
    /** Latest time of the failure, in seconds after the watch began. */
    readonly within?: number;
  }
  const cases: readonly Case[] = [
    {
      sign: "an image that does not exist",
      objects: rollout(pod(waiting("ImagePullBackOff", 'Back-off pulling image "x": not found'))),
      reason: "ImagePullBackOff",
    },
    {
      sign: "an image that must be there and is not",
      objects: rollout(pod(waiting("ErrImageNeverPull"))),
      reason: "ErrImageNeverPull",
    },
    {
      sign: "a registry that gives no answer for long",
      objects: rollout(pod(waiting("ErrImagePull", "503 Service Unavailable"))),
      reason: "ErrImagePull",
      within: 26,
    },
    {
      sign: "a crash loop",
      objects: rollout(
        pod(
          waiting("CrashLoopBackOff", "", { restartCount: 2, lastState: terminated(1, "Error") }),
        ),
      ),
      reason: "CrashLoopBackOff",
    },
    {
      sign: "a container killed for its memory",
      objects: rollout(
        pod({ restartCount: 1, state: { running: {} }, lastState: terminated(137, "OOMKilled") }),
      ),
      reason: "OOMKilled",
    },
    {
      sign: "a readiness that fails past its threshold",
      objects: rollout(
        pod({ started: true, state: { running: {} } }),
        warning("pod-new", "Unhealthy", "Readiness probe failed: HTTP probe failed: 503"),
      ),
      reason: "Unhealthy",
      within: 16,
    },
    {
      sign: "a start-up probe that never passed",
      objects: rollout(
        pod({ restartCount: 1, state: { running: {} }, lastState: terminated(143, "Error") }),
        warning("pod-new", "Unhealthy", "Startup probe failed: connection refused"),
        {
          ...warning("pod-new", "Killing", "Container app failed startup probe, will be restarted"),
          type: "Normal",
        },
      ),
      reason: "Unhealthy",
    },
    {
      sign: "a Secret that is never created",
      objects: rollout(pod(waiting("CreateContainerConfigError", 'secret "x" not found'))),
      reason: "CreateContainerConfigError",
      within: 16,
    },
    {
      sign: "a pod that fits no node",
      objects: rollout(
        pod(
          {},
          {
            status: {
              containerStatuses: [],
              conditions: [
                { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/3" },
              ],
            },
          },
        ),
      ),
      reason: "Unschedulable",
      within: 16,
    },
    {
      sign: "a full quota in which no pod is about to terminate",
      objects: [
        deployment(),
        replicaSet("2", {
          conditions: [
            { type: "ReplicaFailure", status: "True", message: "exceeded quota: todo-app" },
          ],
        }),
      ],
      reason: "FailedCreate",
      within: 12,
    },
    {
      sign: "an admission that refuses the pods",
      objects: [
        deployment(),
        replicaSet("2", {
          conditions: [
            { type: "ReplicaFailure", status: "True", message: "violates PodSecurity restricted" },
          ],
        }),
      ],
      reason: "FailedCreate",
    },
    {
      sign: "an exceeded progress deadline",
      objects: [
        deployment({
          conditions: [
            {
              type: "Progressing",
              status: "False",
              reason: "ProgressDeadlineExceeded",
              lastUpdateTime: iso(3),
            },
          ],
        }),
        replicaSet("2"),
      ],
      reason: "ProgressDeadlineExceeded",
    },
    {
      sign: "a failed Job",
      objects: [
        job({ reason: "BackoffLimitExceeded", message: "it has reached the limit" }),
        pod({ state: terminated(1, "Error") }, { owner: "job", status: { phase: "Failed" } }),
      ],
      begun: ["Job", "migration-1a2b3c4d"],
      workload: "Job/migration-1a2b3c4d",
      reason: "BackoffLimitExceeded",
    },
    {
      sign: "a volume that can't be made",
      objects: [
        statefulSet,
        {
          kind: "PersistentVolumeClaim",
          metadata: { name: "postgres-data", uid: "claim" },
          status: { phase: "Pending" },
        },
        warning("claim", "ProvisioningFailed", 'storageclass "x" not found'),
      ],
      begun: ["StatefulSet", "postgres"],
      workload: "PersistentVolumeClaim/postgres-data",
      reason: "ProvisioningFailed",
      within: 16,
    },
    {
      sign: "a StatefulSet's pod that may not be created",
      objects: [statefulSet, warning("set", "FailedCreate", "denied the request: no")],
      begun: ["StatefulSet", "postgres"],
      workload: "StatefulSet/postgres",
      reason: "FailedCreate",
    },
  ];
  for (const { sign, objects, begun, reason, workload = "Deployment/backend", within = 6 } of cases)
    it(`by ${sign}, after at most ${within} s`, async () => {
      const { failure, seconds } = await watched(objects, begun);
      assert.equal(failure?.reason, reason);
      assert.equal(failure.workload, workload);
      assert.ok(seconds <= within, `after ${seconds} s`);
    });

  it("with the log of the run before the restart", async () => {
    const crashed = waiting("CrashLoopBackOff", "", { lastState: terminated(1, "Error") });
    const { failure, logs } = await watched(rollout(pod(crashed)));
    assert.deepEqual(failure?.log, ["last words"]);
    assert.deepEqual(logs, [["new", "app", true]]);
  });

  it("even if the API server does not answer for a while", async () => {
    const objects = rollout(pod(waiting("ErrImageNeverPull")));
    const { failure, seconds } = await watched((now) => (now < 20 ? undefined : objects));
    assert.ok(failure && seconds >= 20);
  });
});

describe("a watch", () => {
  it("keeps no command alive that has nothing else to do", () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout");
    const before = timers();
    const watch = new RolloutWatch({ context: "minikube", namespace: "todo-app-dev" });
    const after = timers();
    watch.stop();
    assert.deepEqual(after, before);
  });
});

describe("a last look", () => {
  const look = async (objects: readonly ApiObject[]) => {
    const means: Means = {
      objects: () => Promise.resolve(objects),
      log: () => Promise.resolve(["last words"]),
      now: () => START,
      pause: () => new Promise(() => {}),
    };
    const watch = new RolloutWatch({ context: "minikube", namespace: "todo-app-dev" }, means);
    watch.begin("Job", "migration-1a2b3c4d");
    return watch.look();
  };

  it("has the log of a workload that the engine itself reported as failed", async () => {
    const failure = await look([
      job({ reason: "BackoffLimitExceeded" }),
      pod({ state: terminated(1, "Error") }, { owner: "job", status: { phase: "Failed" } }),
    ]);
    assert.deepEqual([failure?.workload, failure?.log], ["Job/migration-1a2b3c4d", ["last words"]]);
  });

  it("finds nothing if the cluster shows no failure", async () => {
    assert.equal(await look([job()]), undefined);
  });
});

describe("a rollout is not given up", () => {
  const fine = { ready: true, started: true, state: { running: {} } };
  const cases: Readonly<Record<string, readonly ApiObject[]>> = {
    "for pods of the previous release": rollout(
      pod(waiting("ImagePullBackOff", "not found"), { owner: "set-1", name: "old" }),
      pod(fine),
    ),
    "for a terminating pod": rollout(
      pod(waiting("CrashLoopBackOff"), { deleted: true, name: "old" }),
      pod(fine),
    ),
    "for one crash": rollout(
      pod({ restartCount: 1, state: { running: {} }, lastState: terminated(1, "Error") }),
    ),
    "for one crash while it starts": rollout(
      pod({ restartCount: 1, state: { running: {} }, lastState: terminated(1, "Error") }),
      warning("pod-new", "Unhealthy", "Startup probe failed: connection refused"),
    ),
    "for a slow start within its probe": rollout(
      pod({ started: false, state: { running: {} } }),
      warning("pod-new", "Unhealthy", "Startup probe failed: connection refused"),
    ),
    "for a pod that has become ready": rollout(
      pod(fine),
      warning("pod-new", "Unhealthy", "Readiness probe failed: 503"),
    ),
    "before the controller has seen the change": [
      deployment({ observedGeneration: 1 }, "1"),
      replicaSet("1"),
      pod(waiting("ErrImageNeverPull"), { owner: "set-1" }),
    ],
    "for the deadline of an earlier attempt": [
      deployment({
        conditions: [
          {
            type: "Progressing",
            status: "False",
            reason: "ProgressDeadlineExceeded",
            lastUpdateTime: iso(-300),
          },
        ],
      }),
      replicaSet("2"),
      pod(fine),
    ],
    "for another workload": [...rollout(pod(fine)), job({ reason: "BackoffLimitExceeded" })],
    "while a cluster autoscaler adds a node": rollout(
      pod(
        {},
        {
          status: {
            containerStatuses: [],
            conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }],
          },
        },
      ),
      { ...warning("pod-new", "TriggeredScaleUp", "node group 1 to 2"), type: "Normal" },
    ),
  };
  for (const [name, objects] of Object.entries(cases))
    it(name, async () => assert.equal((await watched(objects)).failure, undefined));

  for (const [what, last] of [
    ["a registry that recovers", 18],
    ["a quota in which terminating pods make room", 15],
  ] as const)
    it(`for ${what}`, async () => {
      const refused = {
        conditions: [
          { type: "ReplicaFailure", status: "True", message: "exceeded quota: todo-app" },
        ],
      };
      const broken = what.includes("quota")
        ? [deployment(), replicaSet("2", refused), pod(fine, { owner: "set-1", deleted: true })]
        : rollout(pod(waiting("ErrImagePull", "connection refused")));
      const { failure } = await watched((now) => (now < last ? broken : rollout(pod(fine))));
      assert.equal(failure, undefined);
    });

  it("because of objects that the controller manager has not added to a new namespace yet", async () => {
    const message = "error looking up service account todo-app-dev/default";
    const waits = [statefulSet, warning("set", "FailedCreate", message)];
    const { failure } = await watched(
      (now) => (now < 40 ? waits : [statefulSet]),
      ["StatefulSet", "postgres"],
    );
    assert.equal(failure, undefined);
  });

  it("at once because of pods of an earlier attempt: they get time to recover", async () => {
    const old = rollout(pod(waiting("ImagePullBackOff", "not found"), { born: -60 }));
    const { failure, seconds } = await watched(old);
    assert.ok(failure && seconds > 30, `after ${seconds} s`);
  });
});

describe("a deploy that the engine has finished", () => {
  /** How long it waits for a rollout, and with which failure. */
  async function waited(
    objects: (seconds: number) => readonly ApiObject[] | undefined,
    [kind, name]: readonly [kind: string, name: string] = ["Deployment", "backend"],
  ) {
    let seconds = 0;
    const means: Means = {
      objects: () => Promise.resolve(objects(seconds)),
      log: () => Promise.resolve([]),
      now: () => START + seconds * 1000,
      pause: (milliseconds) => {
        seconds += milliseconds / 1000;
        assert.ok(seconds < LIMIT_SECONDS, "it waits for ever");
        return Promise.resolve();
      },
    };
    const watch = new RolloutWatch({ context: "minikube", namespace: "todo-app-dev" }, means);
    watch.begin(kind, name);
    watch.end(kind, name);
    const failure = await Promise.race([watch.rolledOut(), watch.failure]);
    watch.stop();
    return { failure, seconds };
  }
  const pods = (replicas: number, updatedReplicas: number, availableReplicas: number) => ({
    ...deployment({ replicas, updatedReplicas, availableReplicas }),
    spec: { replicas: 2 },
  });

  it("waits for a rollout of which the controller has only scaled the old pods so far", async () => {
    const states = [pods(2, 0, 2), pods(3, 1, 2), pods(3, 2, 2), pods(2, 2, 1), pods(2, 2, 2)];
    const { failure, seconds } = await waited((now) => [states[Math.floor(now / 10)]!]);
    assert.equal(failure, undefined);
    assert.ok(seconds >= 40 && seconds < 50, `${seconds} s`);
  });

  it("waits until the controller has seen the change", async () => {
    const { seconds } = await waited((now) => [
      { ...pods(2, 2, 2), metadata: { ...pods(2, 2, 2).metadata, generation: now < 5 ? 3 : 2 } },
    ]);
    assert.ok(seconds >= 5 && seconds < 15, `${seconds} s`);
  });

  it("waits for the new pod of a StatefulSet", async () => {
    const counts = { replicas: 1, updatedReplicas: 1, currentRevision: "postgres-1" };
    const states = [
      { ...counts, updatedReplicas: 0, availableReplicas: 1 },
      { ...counts, availableReplicas: 0 },
      { ...counts, availableReplicas: 1 },
      { ...counts, availableReplicas: 1, currentRevision: "postgres-2" },
    ];
    const { seconds } = await waited(
      (now) => [
        {
          ...statefulSet,
          status: { ...statefulSet.status, ...states[Math.min(Math.floor(now / 10), 3)] },
        },
      ],
      ["StatefulSet", "postgres"],
    );
    assert.ok(seconds >= 30 && seconds < 40, `${seconds} s`);
  });

  it("does not wait for a Job, which the engine has seen end", async () => {
    const { failure } = await waited(() => [job()], ["Job", "migration-1a2b3c4d"]);
    assert.equal(failure, undefined);
  });

  it("fails where the new pods can't become ready", async () => {
    const { failure } = await waited(() => [
      pods(3, 1, 2),
      ...rollout(pod(waiting("CrashLoopBackOff", "", { lastState: terminated(3, "Error") }))).slice(
        1,
      ),
    ]);
    assert.equal(failure?.reason, "CrashLoopBackOff");
  });

  it("does not wait for what is gone, nor for an API server that gives no answer", async () => {
    for (const objects of [[], undefined])
      assert.equal((await waited(() => objects)).failure, undefined);
  });
});

describe("the description of a failure", () => {
  it("names workload, pod, reason, event, log lines and what to do", async () => {
    const crashed = waiting("CrashLoopBackOff", "", { lastState: terminated(3, "Error") });
    const { failure } = await watched(
      rollout(pod(crashed), warning("pod-new", "BackOff", "Back-off restarting failed container")),
    );
    const { message, fix } = describeFailure(failure!);
    assert.equal(
      message,
      "Deployment/backend can't become ready: CrashLoopBackOff: last exit: code 3, Error\n" +
        "  pod new, container app\n" +
        "  event: BackOff: Back-off restarting failed container\n" +
        "  last log lines before its restart:\n" +
        "    last words",
    );
    assert.match(fix, /kubectl --context minikube --namespace todo-app-dev describe pod\/new/);
    assert.match(fix, /run the same command again/);
  });
});
