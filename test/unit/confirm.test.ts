import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { OperatorError } from "../../ops/command.ts";
import { confirm } from "../../ops/lib/confirm.ts";

describe("the confirmation of a deploy", () => {
  const outside = { yes: process.env.YES, line: process.argv };
  beforeEach(() => delete process.env.YES);
  afterEach(() => {
    process.argv = outside.line;
    if (outside.yes === undefined) delete process.env.YES;
    else process.env.YES = outside.yes;
  });

  let prepared: number;
  let shown: string;
  const ask = async (answer: string | undefined, isTTY = true) => {
    prepared = 0;
    const input = Object.assign(new PassThrough(), { isTTY });
    const output = new PassThrough();
    const asked = confirm(
      "Deploy to qa?",
      "make up STAGE=qa",
      () => Promise.resolve(void (prepared += 1)),
      { input, output },
    );
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

  it("is refused where nobody can answer, with the command for pipelines", async () => {
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
    process.argv = [...process.argv, "--yes"];
    await ask(undefined, false);
    assert.deepEqual([prepared, shown], [0, ""]);
  });
});
