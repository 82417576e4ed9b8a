/** Which rollouts the watch gives up, when, and with which text. The cluster is only described by objects. */
import assert from "node:assert/strict";
import { describeFailure } from "../../ops/lib/watch/describe.ts";
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
  watched,
} from "./support/rollout.ts";

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
