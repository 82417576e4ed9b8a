/** A release goes to staging, from there to production without a build, and both go back to the release before. */
import assert from "node:assert/strict";
import { attempt, eventually, sh, withCheckout } from "../support/shell.ts";
import { production, staging, type Stage } from "../stages/support.ts";

/** How long a promotion or a rollback may take. */
const SECONDS = 60;

/** The images that the Deployments of both services name. */
const imagesOf = ({ kubectl }: Stage) =>
  kubectl(`get deployments backend frontend -o jsonpath='{..containers[0].image}'`);

interface Revision {
  readonly number: number;
  readonly outcome: string;
}

async function newestOf(stage: string): Promise<Revision> {
  const history = await sh(`make --silent history STAGE=${stage} ARGS=--json`);
  return (JSON.parse(history) as { revisions: [Revision] }).revisions[0];
}

/** Runs a command that must succeed in time, without a build. @returns its output */
async function quickly(line: string): Promise<string> {
  const { code, output, seconds } = await attempt(line);
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /\bbuilding\b|\bpush|naming to/i);
  assert.ok(seconds < SECONDS, `"${line}" took ${seconds.toFixed(1)} s`);
  console.log(`      ${line}: ${seconds.toFixed(1)} s`);
  return output;
}

describe("make promote", () => {
  /** What each stage ran before, which need not be the same: it has built its images by itself. */
  const images = new Map<Stage, string>();
  before(async () => {
    for (const stage of [staging, production]) {
      await stage.rolledOut();
      images.set(stage, await imagesOf(stage));
    }
  });
  // A stage that was rolled back has something to change, until it is deployed from its sources again.
  after(() => Promise.all([staging.up(), production.up()]));

  it("deploys to production what staging runs, digest by digest", async () => {
    await withCheckout(async (cwd) => {
      await sh(`sed -i 's/title="Todo API"/title="Todo API, released"/' app/backend/app/main.py`, {
        cwd,
      });
      await sh("make up STAGE=staging", { cwd });
    });
    const released = await imagesOf(staging);
    assert.notEqual(released, images.get(production));

    const output = await quickly("make promote FROM=staging TO=production");
    assert.match(output, /production gets the images of staging, revision \d+ /);
    assert.match(output, /what changes in production, .*:\n {4}image of backend\n/);
    assert.equal(await imagesOf(production), released);
    const { number } = await newestOf("staging");
    assert.equal((await newestOf("production")).outcome, `promoted from staging ${number}`);
  });

  it("can be rolled back, in each stage by itself", async () => {
    const rollBack = async (stage: Stage) => {
      await quickly(`make rollback STAGE=${stage.name}`);
      await eventually(30, async () => assert.equal(await imagesOf(stage), images.get(stage)));
    };
    await Promise.all([production, staging].map(rollBack));
  });
});
