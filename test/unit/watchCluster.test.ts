/** What the watch makes of a CloudNativePG cluster that does not become ready, by the Jobs and pods that the operator has made. */
import assert from "node:assert/strict";
import { describeFailure } from "../../ops/lib/watch/describe.ts";
import { readable } from "../../ops/lib/watch/cluster.ts";
import type { ApiObject } from "../../ops/lib/watch/objects.ts";
import { RolloutWatch, type Means } from "../../ops/lib/watch/watch.ts";

const labels = { "cnpg.io/cluster": "postgres" };
const JOB: ApiObject = {
  kind: "Job",
  metadata: { name: "postgres-1-full-recovery", uid: "job", labels },
};
const pod = (name: string, containers: object[], more: object = {}): ApiObject => ({
  kind: "Pod",
  metadata: { name, uid: name, labels, creationTimestamp: `2026-01-01T00:00:0${name.at(-1)}Z` },
  status: {
    containerStatuses: containers.map((container) => ({
      name: "postgres",
      ready: false,
      restartCount: 0,
      state: {},
      lastState: {},
      ...container,
    })),
    ...more,
  },
});
const tryOf = (name: string): ApiObject => {
  const ended = { name: "full-recovery", state: { terminated: { exitCode: 1 } } };
  const made = pod(name, [ended], { phase: "Failed" });
  return {
    ...made,
    metadata: { ...made.metadata, ownerReferences: [{ uid: "job", controller: true }] },
  };
};
const LOG = [
  '{"level":"error","ts":"2026-01-01","msg":"restore error","error":"WAL not found","stacktrace":"a\\n\\tb"}',
  "not JSON",
  '{"level":"info","ts":"2026-01-01","msg":"record","record":{"error_severity":"FATAL","message":"no checkpoint"}}',
  '{"level":"info","ts":"2026-01-01","msg":"record","record":{"error_severity":"FATAL","message":"no checkpoint"}}',
  '{"level":"INFO","message":"of the app"}',
];

/** Watches a change of the cluster for some looks. */
async function watched(objects: readonly ApiObject[], looks: number) {
  let now = Date.parse("2026-01-01T00:00:00Z");
  const means: Means = {
    objects: () => Promise.resolve(objects),
    log: (name, container) => Promise.resolve([`${name}/${container}`, ...LOG]),
    now: () => now,
    pause: (milliseconds) => {
      now += milliseconds;
      if (!looks--) watch.stop();
      return Promise.resolve();
    },
  };
  const watch = new RolloutWatch({ context: "qa", namespace: "todo-app-qa" }, means);
  watch.begin("Cluster", "postgres");
  const given = await Promise.race([
    watch.failure,
    new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 20)),
  ]);
  return { given, seen: await watch.look() };
}

describe("the watch of a CloudNativePG cluster", () => {
  it("says what the last try of a Job has logged, and lets the operator try again until the engine gives up", async () => {
    const { given, seen } = await watched([JOB, tryOf("try-2"), tryOf("try-1")], 200);
    assert.equal(given, undefined);
    const { message, fix } = describeFailure(seen!);
    assert.deepEqual(message.split("\n").slice(0, 4), [
      "Cluster/postgres can't become ready: Failed: a pod of Job postgres-1-full-recovery has failed",
      "  pod try-2, container full-recovery",
      "  last log lines:",
      "    try-2/full-recovery",
    ]);
    assert.match(message, /\n {4}error: restore error: WAL not found\n/);
    assert.match(fix, /^the log above says why .*--namespace todo-app-qa describe pod\/try-2/);
  });

  it("gives up where a server's image is not there, and not where a server does not answer yet", async () => {
    const reason = { waiting: { reason: "ErrImagePull", message: "not found" } };
    const { given } = await watched([pod("postgres-1", [{ state: reason }])], 20);
    assert.equal(given?.workload, "Cluster/postgres");
    assert.equal(given.reason, "ErrImagePull");
    const late = pod("postgres-2", [{ started: true, state: { running: {} } }]);
    const unhealthy: ApiObject = {
      kind: "Event",
      type: "Warning",
      metadata: { name: "event", uid: "event" },
      reason: "Unhealthy",
      message: "Readiness probe failed",
      involvedObject: { uid: "postgres-2" },
    };
    const other = { ...tryOf("try-3"), metadata: { ...tryOf("try-3").metadata, labels: {} } };
    assert.deepEqual(await watched([late, unhealthy, other], 200), {
      given: undefined,
      seen: undefined,
    });
  });

  it("shows what the operator's programs say, without their stack traces, and the lines of others as they are", () => {
    assert.deepEqual(readable(LOG), [
      "error: restore error: WAL not found",
      "not JSON",
      "FATAL: no checkpoint",
      '{"level":"INFO","message":"of the app"}',
    ]);
  });
});
