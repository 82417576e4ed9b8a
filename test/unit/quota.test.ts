/** The quota, compared with all pods that may run at once while their sizes change. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { peakOf } from "../../components/kubernetes/quota.ts";
import { memoryBytes } from "../../components/kubernetes/resources.ts";
import { parseConfig } from "../../config/load.ts";
import { find, record } from "./support/record.ts";
import { stageConfig, withKeys } from "./support/stages.ts";

const size = (memory: string) => ({ requests: { cpu: "100m", memory }, limits: { memory } });
const stage = (replicas: number, memory: string) => ({
  database: { maxConnections: 1000 },
  backend: { replicas, resources: size(memory) },
  frontend: { replicas, resources: size("512Mi") },
});

let runs = 0;
async function hard(changes: Readonly<Record<string, unknown>>): Promise<Record<string, string>> {
  const program = () => import(`../../index.ts?quota-${runs++}`);
  const { resources } = await record(program, "dev", withKeys("dev", changes));
  return find(resources, "ResourceQuota")[0]!.inputs.spec.hard;
}

describe("the quota", () => {
  it("does not shrink with the pods: the old, larger ones still count while they are replaced", async () => {
    const before = await hard(stage(5, "2Gi"));
    const after = await hard(stage(5, "256Mi"));
    assert.deepEqual(after, before);
    // Five old pods of each service, one new one, and the migration's pod, which is created before it.
    const used = 5 * (memoryBytes("2Gi") + memoryBytes("512Mi")) + 2 * memoryBytes("256Mi");
    assert.ok(memoryBytes(after["limits.memory"]!) >= used);
    assert.ok(Number(after.pods) >= 5 + 5 + 2);
  });

  it("does not shrink with the replicas: the migration's pod is created before the surplus pods are deleted", async () => {
    const after = await hard(stage(1, "256Mi"));
    assert.deepEqual(after, await hard(stage(50, "256Mi")));
    assert.ok(Number(after.pods) >= 50 + 50 + 2);
  });

  it("has room for old and new pods if it has room for each of the two sizes by itself", () => {
    const workload = fc
      .tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 8192 }))
      .map(([replicas, mebibytes]) => ({ replicas, resources: size(`${mebibytes}Mi`) }));
    const database = { mode: "external", instances: 1, resources: size("1Mi") };
    const stages = fc.record({ backend: workload, frontend: workload });
    const property = fc.property(stages, stages, (one, other) => {
      const quota = Math.max(
        ...[one, other].map((each) => peakOf({ services: Object.values(each), database }).memory),
      );
      const running = [one, other]
        .flatMap(({ backend, frontend }) => [backend, frontend])
        .map(({ replicas, resources }) => replicas * memoryBytes(resources.limits.memory))
        .reduce((total, amount) => total + amount);
      assert.ok(running + memoryBytes("256Mi") <= quota);
    });
    fc.assert(property, { numRuns: 200 });
  });

  it("refuses a stage that it has no room for, and names what the stage needs", () => {
    const large = { quota: { pods: 20, cpu: "2", memory: "10Gi" }, ...stage(10, "1Gi") };
    assert.throws(
      () => parseConfig("dev", withKeys("dev", large)),
      /quota\.pods is 20; allowed: at least 47,[^]*quota\.cpu is "2"; allowed: at least 5,[^]*quota\.memory is "10Gi"; allowed: at least 32Gi,/,
    );
  });

  it("has room by default for the largest number of pods of the default sizes", () => {
    const most = { replicas: 50 };
    const changes = { backend: most, frontend: most, database: { maxConnections: 1000 } };
    const { quota } = parseConfig("dev", withKeys("dev", changes));
    assert.deepEqual(quota, parseConfig("dev", stageConfig("dev")).quota);
  });
});
