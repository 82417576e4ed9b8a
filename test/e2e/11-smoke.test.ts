/** `make smoke` of dev: what it says of a stage that works, and of one without its API. */
import assert from "node:assert/strict";
import { failed, smoke } from "./support/smoke.ts";
import { attempt, kubectl, psql, sh } from "./support/shell.ts";

/** How many rows there are, deleted tasks included. */
const counts = async () =>
  Promise.all(
    ["auth_user", "auth_session", "auth_account", "tasks", "chat_usage"].map((table) =>
      psql(`select count(*) from ${table}`),
    ),
  );

describe("make smoke", () => {
  // Tests sign up from the same address, and attempts from one address are limited.
  beforeEach(() => psql("delete from auth_rate_limit"));

  it("says ok for each check of a stage that works, and leaves no account and no task", async () => {
    const before = await counts();
    const output = await sh("make smoke");
    assert.match(output, /^smoke test of dev, http:\/\/todo-app\.local: with throw-away accounts/m);
    assert.match(output, /^ok - pods: .*backend 2\/2/m);
    for (const name of ["page", "sign-in page", "api", "task", "isolation", "assistant"])
      assert.match(output, new RegExp(`^ok - ${name}: `, "m"));
    assert.match(output, /^ok - clean-up: 2 accounts deleted$/m);
    assert.match(output, /^all \d+ checks are ok$/m);
    assert.doesNotMatch(output, /^not ok/m);
    assert.deepEqual(await counts(), before);
  });

  it("ends every backend pod where that is asked for, and finds the task again", async () => {
    const pods = async () =>
      (await kubectl("get pods -l app.kubernetes.io/name=backend -o name")).split("\n");
    const before = await pods();
    const output = await sh("make smoke ARGS=--end-pods");
    assert.match(output, /^ok - persistence: 2 backend pods were ended/m);
    assert.match(output, /^all \d+ checks are ok$/m);
    assert.deepEqual(
      (await pods()).filter((pod) => before.includes(pod)),
      [],
    );
  });

  it("is part of make up where that is asked for", async () => {
    const output = await sh("make up ARGS=--smoke");
    assert.match(output, /^all \d+ checks are ok\n[^]*^dev is up: /m);
  });

  it("deletes the accounts that a killed one has left, after an hour", async () => {
    const add = (email: string, age: string) =>
      psql(
        `insert into auth_user (id, name, email, "emailVerified", "createdAt") ` +
          `values ('${email}', 'Smoke test', '${email}', false, now() - interval '${age}')`,
      );
    const left = () => psql("select email from auth_user where email like 'smoke-%'");
    await add("smoke-old@smoke.invalid", "2 hours");
    await add("smoke-new@smoke.invalid", "1 minute");
    try {
      const { report } = await smoke("dev");
      assert.deepEqual(failed(report), []);
      assert.equal(report.checks.find(({ name }) => name === "leftovers")!.found, "1 deleted");
      assert.equal(await left(), "smoke-new@smoke.invalid");
    } finally {
      await psql("delete from auth_user where email like 'smoke-%'");
    }
  });

  describe("of a stage without its API", () => {
    let rows: readonly string[];
    let asJson: Awaited<ReturnType<typeof smoke>>;
    let asText: Awaited<ReturnType<typeof attempt>>;
    before(async () => {
      await kubectl("scale deployment/backend --replicas=0");
      await kubectl("wait pods -l app.kubernetes.io/name=backend --for=delete --timeout=90s");
      rows = await counts();
      // Both repeat for half a minute what may pass by itself.
      [asJson, asText] = await Promise.all([smoke("dev"), attempt("make smoke ARGS=--read-only")]);
    });
    after(async () => {
      await kubectl("scale deployment/backend --replicas=2");
      await kubectl("rollout status deployment/backend --timeout=120s");
    });

    it("names it, makes no account, and ends with 1", async () => {
      const { code, report } = asJson;
      assert.deepEqual([code, report.passed], [1, false]);
      const [pods] = report.checks;
      assert.deepEqual([pods!.name, pods!.ok], ["pods", false]);
      assert.equal(pods!.found, "Deployment backend is scaled to 0 pods");
      assert.match(pods!.look, /describe deployment\/backend$/);
      const broken = report.checks.filter(({ ok }) => !ok).map(({ name }) => name);
      for (const name of ["api", "leftovers", "accounts", "clean-up"])
        assert.ok(broken.includes(name), name);
      for (const name of ["page", "sign-in page"]) assert.ok(!broken.includes(name), name);
      assert.deepEqual(await counts(), rows);
    });

    it("says so to who reads it, with the command that shows more", () => {
      const { code, output } = asText;
      assert.notEqual(code, 0);
      assert.match(output, /^not ok - pods: .*Deployment backend .*; look: kubectl --context /m);
      assert.match(output, /^error: \d of \d checks of dev are not ok: pods, /m);
    });
  });
});
