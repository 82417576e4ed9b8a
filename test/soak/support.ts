/** Scenarios that production must survive without a failed request. */
import assert from "node:assert/strict";
import { signUp, type Account } from "../e2e/support/api.ts";
import { production, trustedRoot, underServiceLoad } from "../e2e/stages/support.ts";
import { note } from "./figures.ts";

/** As much as shows a gap. */
const STEADY = { connections: 3, pauseMs: 200 };
/** So little that two pods of each kind stay below the autoscaler's target. */
export const LIGHT = { connections: 2, pauseMs: 600 };

/** A user of production, and the load of that user while something happens to production. */
export function useProduction() {
  let account: Account;
  before(async () => {
    account = await signUp(production.host, await trustedRoot());
    await production.rolledOut();
  });
  const measure = async (scenario: string, meanwhile: () => Promise<void>, load = STEADY) => {
    const begin = Date.now();
    const outcome = await underServiceLoad(account, meanwhile, load);
    note(scenario, outcome, `${((Date.now() - begin) / 1000).toFixed(0)} s`);
    return outcome;
  };
  return {
    measure,
    survives: async (...scenario: Parameters<typeof measure>) => {
      const { requests, failures } = await measure(...scenario);
      assert.deepEqual(failures, [], `${failures.length} of ${requests} requests failed`);
    },
  };
}
