/** Stages scale with their load, and keep serving while nodes come and go. */
import assert from "node:assert/strict";
import { signUp } from "../support/api.ts";
import { eventually } from "../support/shell.ts";
import {
  BUSY,
  autoscalerReady,
  busiestNode,
  production,
  staging,
  trustedRoot,
  underServiceLoad,
  withDrained,
} from "../stages/support.ts";

const onlyUnchanged = /Resources:\n +\d+ unchanged\n/;

describe("staging under load", () => {
  it("grows from 2 to 4 pods, and no deploy, preview or refresh reverts that", async () => {
    const account = await signUp(staging.host, await trustedRoot());
    await staging.kubectl("scale deployment/backend --replicas=2");
    await autoscalerReady(staging);
    const { failures } = await underServiceLoad(
      account,
      async () => {
        const begin = Date.now();
        await eventually(120, async () => {
          assert.ok((await staging.count(".spec.replicas")) >= 4);
        });
        console.log(`      4 pods after ${((Date.now() - begin) / 1000).toFixed(0)} s of load`);
        await staging.hasNothingToChange();
      },
      BUSY,
    );
    assert.deepEqual(failures, []);
    assert.match(await staging.up(), onlyUnchanged);
    await staging.pulumi("refresh --yes --skip-preview");
    await staging.hasNothingToChange();
    assert.ok((await staging.count(".spec.replicas")) >= 4);
  });
});

describe("production on a node that is drained", () => {
  it("loses no request, not even slow ones", async () => {
    const account = await signUp(production.host, await trustedRoot());
    await production.rolledOut();
    const node = await busiestNode(production);
    const { requests, failures } = await underServiceLoad(account, () =>
      withDrained(node, async () => {
        const left = await production.kubectl(
          `get pods --field-selector spec.nodeName=${node},status.phase=Running -o name`,
        );
        assert.equal(left, "", "the node is empty");
        await production.rolledOut();
      }),
    );
    assert.ok(requests > 200, `only ${requests} requests were sent`);
    assert.deepEqual(failures, [], `${failures.length} of ${requests} requests failed`);
  });
});
