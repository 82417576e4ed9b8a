import assert from "node:assert/strict";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { PlanCollector } from "../../ops/lib/engine/plan.ts";

const urn = (name: string) => `urn:pulumi:qa::todo-app::kubernetes:apps/v1:Deployment::${name}`;
const step = (op: string, name: string, metadata: object = {}) =>
  ({ resourcePreEvent: { metadata: { op, urn: urn(name), ...metadata } } }) as EngineEvent;
const summary = (resourceChanges: object) => ({ summaryEvent: { resourceChanges } }) as EngineEvent;

describe("the changes that preview --json shows", () => {
  const planOf = (...events: EngineEvent[]) => {
    const collector = new PlanCollector();
    events.forEach(collector.onEvent);
    return collector.plan("qa");
  };

  it("are empty, with every count, if nothing changes", () => {
    assert.deepEqual(
      planOf(step("same", "backend"), step("read", "other"), summary({ same: 40 })),
      {
        stage: "qa",
        summary: { create: 0, update: 0, replace: 0, delete: 0, import: 0, same: 40 },
        changes: [],
      },
    );
  });

  it("name the properties that change, without their values", () => {
    const detailedDiff = { "spec.replicas": { diffKind: "update" } };
    const secret = { old: { inputs: { spec: "canary" } }, new: { inputs: { spec: "canary" } } };
    const plan = planOf(
      step("update", "backend", { diffs: ["spec"], detailedDiff, ...secret }),
      step("create", "frontend", secret),
      step("delete", "worker", { diffs: [] }),
    );
    assert.deepEqual(plan.changes, [
      {
        operation: "update",
        kind: "Deployment",
        name: "backend",
        urn: urn("backend"),
        properties: ["spec.replicas"],
      },
      {
        operation: "create",
        kind: "Deployment",
        name: "frontend",
        urn: urn("frontend"),
        properties: [],
      },
      {
        operation: "delete",
        kind: "Deployment",
        name: "worker",
        urn: urn("worker"),
        properties: [],
      },
    ]);
  });

  it("have one entry for all steps of a replacement", () => {
    const { changes } = planOf(
      step("create-replacement", "backend", { diffs: ["spec"] }),
      step("replace", "backend", { diffs: ["spec", "metadata"] }),
      step("delete-replaced", "backend"),
    );
    assert.deepEqual(
      changes.map(({ operation, name, properties }) => [operation, name, properties]),
      [["replace", "backend", ["metadata", "spec"]]],
    );
  });
});
