/** Whether a failed release goes back by itself, and what may be promoted. The way back itself is tested on the cluster. */
import assert from "node:assert/strict";
import { automaticByEnvironment } from "../../ops/lib/release.ts";
import { promotable, refuseOlderImages } from "../../ops/lib/revisions/promotion.ts";
import { revision } from "./support/revisions.ts";

describe("AUTO_ROLLBACK", () => {
  afterEach(() => delete process.env.AUTO_ROLLBACK);

  it("decides with 1 and 0, and leaves it to the stage file otherwise", () => {
    assert.equal(automaticByEnvironment(), undefined);
    for (const [value, decision] of [
      ["1", true],
      ["0", false],
      ["", undefined],
    ] as const) {
      process.env.AUTO_ROLLBACK = value;
      assert.equal(automaticByEnvironment(), decision);
    }
  });

  it("is refused with another value, before anything is deployed", () => {
    process.env.AUTO_ROLLBACK = "yes";
    assert.throws(automaticByEnvironment, {
      message:
        'AUTO_ROLLBACK is "yes"; allowed: 1 (go back when a release can\'t work) or 0 (leave it as it is)',
    });
  });
});

describe("a promotion", () => {
  it("takes the newest revision of the stage", () =>
    assert.equal(promotable("staging", [revision(3), revision(2)]).number, 3));

  it("is refused without a revision, of one that failed its smoke test, and of a tag", () => {
    const failed = revision(3, { outcome: "failed its smoke test" });
    const tag = { backend: "localhost:5000/todo-app/backend:dev", frontend: "also:tag" };
    for (const [revisions, says] of [
      [[], /no revision of staging is kept/],
      [[failed, revision(2)], /revision 3, which staging runs, failed its smoke test/],
      [[revision(1, { images: tag })], /names its image of backend by a tag/],
    ] as const)
      assert.throws(() => promotable("staging", revisions), says);
  });

  it("is refused where the other stage has a schema on which the images do not run", () => {
    const known = revision(3);
    const migrations = ["0001_create_tasks", "0002_richer_tasks"];
    const check = (backwardCompatible: readonly string[]) =>
      refuseOlderImages("staging", known, "production", [
        revision(1, { migrations, backwardCompatible }),
      ]);
    check(migrations);
    assert.throws(() => check([]), {
      message:
        "the database of production has migrations that the images of staging, revision 3, do not know: 0002_richer_tasks",
      fix: "deploy a release that has them to staging first: make up STAGE=staging",
    });
  });
});
