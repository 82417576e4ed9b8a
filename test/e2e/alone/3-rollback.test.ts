/** Each deploy is a revision, and a rollback returns to one without a build, from another checkout than it came from. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { attempt, eventually, kubectl, sh, withCheckout } from "../support/shell.ts";

/** From the command to its end. */
const SECONDS = 60;

interface Revision {
  readonly number: number;
  readonly outcome: string;
  readonly images: Readonly<Record<string, string>>;
  readonly differences: readonly string[] | null;
}

/** The revisions of dev, newest first. */
async function history(): Promise<readonly Revision[]> {
  const { revisions } = JSON.parse(await sh("make --silent history ARGS=--json")) as {
    readonly revisions: readonly Revision[];
  };
  return revisions;
}

/** What runs: the images of both services, and the number of backend pods that are ready. */
async function running() {
  const image = (service: string) =>
    kubectl(`get deployment ${service} -o jsonpath='{.spec.template.spec.containers[0].image}'`);
  return {
    images: { backend: await image("backend"), frontend: await image("frontend") },
    replicas: await kubectl("get deployment backend -o jsonpath='{.status.readyReplicas}'"),
  };
}

const apiDocument = () => sh("curl -fsS http://todo-app.local/api/openapi.json");

describe("make rollback", () => {
  before(() => sh("make up"));
  after(() => sh("make up"));

  it(`returns to the images and settings before within ${SECONDS} s, without a build`, async () => {
    const [first] = await history();
    const before = await running();
    assert.deepEqual(first!.images, before.images);

    await withCheckout(async (cwd) => {
      const file = "app/backend/app/main.py";
      await sh(`sed -i 's/title="Todo API"/title="Todo API, a bad release"/' ${file}`, { cwd });
      await sh("pulumi config set --stack dev --path todo-app:backend.replicas 3", { cwd });
      await sh("make up", { cwd });
    });
    const bad = await running();
    assert.notEqual(bad.images.backend, before.images.backend);
    assert.equal(bad.replicas, "3");
    assert.match(await apiDocument(), /a bad release/);

    const stageFile = readFileSync("Pulumi.dev.yaml", "utf8");
    const { code, output, seconds } = await attempt("make rollback");
    assert.equal(code, 0, output);
    await eventually(10, async () => assert.deepEqual(await running(), before));
    assert.doesNotMatch(await apiDocument(), /a bad release/);
    assert.doesNotMatch(output, /\bbuilding\b|\bpush|naming to/i);
    assert.ok(seconds < SECONDS, `it took ${seconds.toFixed(1)} s`);
    assert.match(output, new RegExp(`dev goes back to revision ${first!.number} `));
    assert.match(output, /The next make up STAGE=dev deploys this checkout and Pulumi\.dev\.yaml/);
    assert.equal(readFileSync("Pulumi.dev.yaml", "utf8"), stageFile);
    console.log(`      ${seconds.toFixed(1)} s`);

    const [back, release, origin] = await history();
    assert.deepEqual(
      [back!.number, release!.number, origin!.number],
      [first!.number + 2, first!.number + 1, first!.number],
    );
    assert.equal(back!.outcome, `rollback to ${first!.number}`);
    assert.deepEqual(back!.images, before.images);
    assert.deepEqual(release!.differences, ["image of backend", "backend.replicas 2 → 3"]);
  });

  it("is followed by a make up that deploys the checkout, and one that changes nothing is no revision", async () => {
    await sh("make up");
    const revisions = await history();
    await sh("make up");
    assert.deepEqual(await history(), revisions);
    await sh("pulumi preview --stack dev --expect-no-changes");
  });

  it("to a revision that does not exist is refused, with those that do", async () => {
    const before = await running();
    const { code, output } = await attempt("make rollback TO=99999");
    assert.notEqual(code, 0);
    assert.match(output, /error: dev has no revision 99999; it has \d+(, \d+)*\n {2}fix: make /);
    assert.deepEqual(await running(), before);
  });
});
