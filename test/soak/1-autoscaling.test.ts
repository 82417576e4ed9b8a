/** Staging's API under constant load for ten minutes, and what becomes of its pods afterwards. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { signUp } from "../e2e/support/api.ts";
import { eventually } from "../e2e/support/shell.ts";
import {
  BUSY,
  autoscalerReady,
  staging,
  trustedRoot,
  underServiceLoad,
} from "../e2e/stages/support.ts";
import { note } from "./figures.ts";

const LOAD_MS = 600_000;
const PREVIEWS_EVERY_MS = 140_000;

/** Notes every change of the number of pods that are wanted, with the time since the start. */
async function watchReplicas(until: AbortSignal) {
  const begin = Date.now();
  const changes: { seconds: number; replicas: number }[] = [];
  while (!until.aborted) {
    const replicas = await staging.count(".spec.replicas");
    if (replicas !== changes.at(-1)?.replicas)
      changes.push({ seconds: Math.round((Date.now() - begin) / 1000), replicas });
    await sleep(1000);
  }
  return changes;
}

const directionChanges = (counts: readonly number[]) => {
  const directions = counts.slice(1).map((count, index) => Math.sign(count - counts[index]!));
  return directions.filter((sign, index) => index > 0 && sign !== directions[index - 1]).length;
};

describe("staging under constant load", () => {
  it("grows to 4 pods within 60 s, stays steady, and shrinks to 2 afterwards", async () => {
    const account = await signUp(staging.host, await trustedRoot());
    await staging.kubectl("scale deployment/backend --replicas=2");
    await autoscalerReady(staging);
    const ended = new AbortController();
    let changes: Awaited<ReturnType<typeof watchReplicas>> = [];
    const outcome = await underServiceLoad(
      account,
      async () => {
        const watching = watchReplicas(ended.signal);
        const begin = Date.now();
        try {
          while (Date.now() - begin + PREVIEWS_EVERY_MS < LOAD_MS) {
            await sleep(PREVIEWS_EVERY_MS);
            await staging.hasNothingToChange();
          }
          await sleep(Math.max(0, LOAD_MS - (Date.now() - begin)));
        } finally {
          ended.abort();
          changes = await watching;
        }
      },
      BUSY,
    );
    const steps = changes.map(({ seconds, replicas }) => `${replicas} at ${seconds} s`).join(", ");
    note("constant load for 10 minutes", outcome, steps);
    assert.deepEqual(outcome.failures, []);
    assert.ok(
      changes.some(({ seconds, replicas }) => replicas >= 4 && seconds <= 60),
      steps,
    );
    assert.ok(directionChanges(changes.map(({ replicas }) => replicas)) <= 1, steps);

    const begin = Date.now();
    await eventually(900, async () => {
      assert.equal(await staging.count(".spec.replicas"), 2);
    });
    console.log(`      2 pods ${((Date.now() - begin) / 1000).toFixed(0)} s after the load`);
    await staging.hasNothingToChange();
  });
});
