/** Which rollouts the watch does not give up, and how long it waits for those that the engine has finished. */
import assert from "node:assert/strict";
import type { ApiObject } from "../../ops/lib/watch/objects.ts";
import { RolloutWatch, type Means } from "../../ops/lib/watch/watch.ts";
import {
  START,
  iso,
  deployment,
  replicaSet,
  pod,
  waiting,
  warning,
  rollout,
  statefulSet,
  job,
  terminated,
  LIMIT_SECONDS,
  watched,
} from "./support/rollout.ts";

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
