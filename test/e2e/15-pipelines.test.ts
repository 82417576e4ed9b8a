/** What the workflows do, by the same commands: what a stage runs, nightly checks with their issue, and the stage of a pull request. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { FakeGithub } from "../unit/support/fakeGithub.ts";
import { attempt, eventually, kubectl, sh } from "./support/shell.ts";

describe("what a stage runs", () => {
  it("is printed by digest, as its pods have it", async () => {
    const lines = (await sh("make --silent images")).split("\n");
    const value = (name: string) =>
      lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
    const image = await kubectl(
      "get deployment backend -o jsonpath='{.spec.template.spec.containers[0].image}'",
    );
    assert.equal(`${value("backend-name")}@${value("backend-digest")}`, image);
    const { revisions } = JSON.parse(await sh("node ops/history.ts dev --json 2>/dev/null"));
    assert.equal(value("revision"), String(revisions[0].number));
    assert.equal(await sh("node ops/images.ts no-such-stage"), "");
  });
});

describe("the nightly checks", () => {
  const github = new FakeGithub();
  before(() => github.start());
  after(() => github.stop());

  /** As the workflow does it. */
  const check = async () => {
    const { repository, api, token } = github.repository;
    const script =
      'report=$(mktemp); close=--close; make --silent nightly >"$report" 2>/dev/null || close=; ' +
      `make issue REPOSITORY=${repository} ARGS="$close" <"$report"; rm "$report"`;
    return sh(script, { env: { GITHUB_API_URL: api, GITHUB_TOKEN: token } });
  };

  it("open an issue for drift, and close it once it is healed", async () => {
    assert.equal(await check(), "no issue was open");
    await kubectl("delete poddisruptionbudget backend");
    try {
      assert.match(await check(), /^opened /);
      assert.match(await check(), /^updated /);
    } finally {
      await sh("make heal");
    }
    const [issue, ...others] = github.issues;
    assert.deepEqual(others, []);
    assert.match(issue!.body!, /PodDisruptionBudget backend is gone/);
    assert.match(await check(), /^closed /);
    assert.equal(github.issues[0]!.state, "closed");
  });
});

describe("the stage of a pull request", () => {
  const STAGE = "pr-4711";
  after(async () => {
    await attempt(`make down STAGE=${STAGE} ARGS=--remove`);
    rmSync(`Pulumi.${STAGE}.yaml`, { force: true });
  });

  it("is deployed beside the others, works, and leaves nothing behind", async () => {
    const stageFile = `make pr-stage FROM=dev NUMBER=4711 CONTEXT=minikube DOMAIN=todo-app.local`;
    await sh(stageFile);
    assert.match(await sh(`make up STAGE=${STAGE}`), /is up: http:\/\/pr-4711\.todo-app\.local/);
    await sh(`make smoke STAGE=${STAGE} ARGS=--read-only`);

    // Another machine removes it: the file is written anew, without what the deploy has added to it.
    rmSync(`Pulumi.${STAGE}.yaml`);
    await sh(stageFile);
    await sh(`make down STAGE=${STAGE} ARGS=--remove`);
    await eventually(30, async () => {
      const { output } = await attempt(
        `kubectl --context minikube get namespace todo-app-${STAGE}`,
      );
      assert.match(output, /not found/);
    });
    const stacks = JSON.parse(await sh("pulumi stack ls --json")) as { readonly name: string }[];
    assert.ok(!stacks.some(({ name }) => name.endsWith(STAGE)));
    // As at the end of a pull request whose deploy never began.
    const again = await sh(`make down STAGE=${STAGE} ARGS=--remove`);
    assert.match(again, /there is no stack pr-4711, so there is nothing to remove/);
  });
});
