import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { OperatorError } from "../../ops/lib/errors.ts";
import { confirm } from "../../ops/lib/confirm.ts";

describe("the confirmation of a deploy", () => {
  const outside = process.env.YES;
  beforeEach(() => delete process.env.YES);
  afterEach(() => {
    if (outside === undefined) delete process.env.YES;
    else process.env.YES = outside;
  });

  let prepared: number;
  let shown: string;
  const ask = async (answer: string | undefined, isTTY = true, yes = false) => {
    prepared = 0;
    const input = Object.assign(new PassThrough(), { isTTY });
    const output = new PassThrough();
    const asked = confirm("Deploy to qa?", "make up STAGE=qa", {
      yes,
      prepare: () => Promise.resolve(void (prepared += 1)),
      input,
      output,
    });
    if (answer === undefined) input.end();
    else input.write(`${answer}\n`);
    try {
      await asked;
    } finally {
      shown = String(output.read() ?? "");
    }
  };

  for (const answer of ["y", "Y", "yes"])
    it(`is given by "${answer}"`, async () => {
      await ask(answer);
      assert.equal(prepared, 1, "what would change is shown first");
      assert.equal(shown, "Deploy to qa? [y/N] ");
    });

  for (const answer of ["", "n", "yesterday", undefined])
    it(`is not given by ${answer === undefined ? "the end of the input" : `"${answer}"`}`, () =>
      assert.rejects(ask(answer), (error) => {
        assert.ok(error instanceof OperatorError);
        assert.equal(error.message, "not confirmed, nothing was changed");
        return true;
      }));

  it("fails if nobody can answer, and names the command for pipelines", async () => {
    await assert.rejects(ask("y", false), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.match(error.message, /^nobody is here to answer: Deploy to qa\?$/);
      assert.match(error.fix, /^make up STAGE=qa YES=1 /);
      return true;
    });
    assert.equal(prepared, 0);
  });

  it("is given in advance by YES=1, and by --yes", async () => {
    process.env.YES = "1";
    await ask(undefined, false);
    delete process.env.YES;
    await ask(undefined, false, true);
    assert.deepEqual([prepared, shown], [0, ""]);
  });
});
