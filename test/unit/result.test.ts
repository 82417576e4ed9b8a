import assert from "node:assert/strict";
import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { DeployResult, withoutResult } from "../../ops/lib/engine/result.ts";

const STACK = "pulumi:pulumi:Stack";
const step = (type: string, outputs?: object) =>
  ({ resOutputsEvent: { metadata: { op: "same", type, new: { outputs } } } }) as EngineEvent;
const summary = (resourceChanges: object) => ({ summaryEvent: { resourceChanges } }) as EngineEvent;

describe("the result of a deploy", () => {
  const resultOf = (...events: EngineEvent[]) => {
    const result = new DeployResult();
    events.forEach(result.onEvent);
    return { outputs: result.outputs, changes: result.changes };
  };

  it("has the last outputs of the stack, those of no other resource, and the count of changes", () => {
    const found = resultOf(
      step(STACK, { url: "http://before" }), // when the program begins
      step("kubernetes:apps/v1:Deployment", { url: "http://other" }),
      step(STACK, { url: "http://now" }),
      summary({ create: 1, same: 40 }),
    );
    assert.deepEqual(found, { outputs: { url: "http://now" }, changes: { create: 1, same: 40 } });
  });

  it("is empty where the stack has no outputs", () => {
    assert.deepEqual(resultOf(step(STACK)), { outputs: {}, changes: {} });
  });

  it("is not asked for after a deploy, by the stack that the deploy was called on alone", async () => {
    const asked: string[] = [];
    class Asking {
      readonly name = "dev";
      outputs = () => Promise.resolve(asked.push("outputs"));
      info = () => Promise.resolve(asked.push("info"));
      async up() {
        await this.outputs();
        await this.info();
        return this.name;
      }
    }
    const stack = new Asking() as unknown as Stack;
    assert.equal(await withoutResult(stack).up(), "dev");
    assert.deepEqual(asked, []);
    await stack.up();
    assert.deepEqual(asked, ["outputs", "info"]);
  });
});
