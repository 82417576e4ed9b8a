/**
 * Commands without anything to do cost no more processor time than they should, compared with each other in one run. `make bench`
 * has the figures; these bounds are generous, and only a large step backwards passes them.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measure } from "../../bench/measure.ts";
import { emptyProgram } from "../../bench/tools/emptyProgram.ts";
import { sh } from "./support/shell.ts";

const ROUNDS = 2;

/** How many times the processor time of the second command the first one may take. */
const BOUNDS = [
  ["make up", "pulumi up", 2.6],
  ["pulumi up", "pulumi up of an empty program", 6],
  ["pulumi preview", "pulumi preview of an empty program", 6],
] as const;

describe("without a change,", () => {
  const folder = mkdtempSync(join(tmpdir(), "todo-app-speed-"));
  const seconds: Record<string, number> = {};

  before(async () => {
    await sh("make up");
    const empty = emptyProgram({ folder });
    await sh(empty.prepare!);
    // Preflight is a part of `make up` here; what is compared with it is the engine and the program alone.
    const pulumi = "TODO_APP_NO_PREFLIGHT=1 pulumi";
    const up = `${pulumi} up --stack dev --yes --skip-preview --expect-no-changes`;
    const commands = {
      "make up": "make up",
      "pulumi up": up,
      "pulumi up of an empty program": empty.steps["no-change"]!,
      "pulumi preview": `${pulumi} preview --stack dev --expect-no-changes`,
      "pulumi preview of an empty program": empty.steps.preview!,
    };
    // The least of some runs, as what else the machine does only ever adds to it.
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, line] of Object.entries(commands))
        seconds[name] = Math.min(seconds[name] ?? Infinity, (await measure(line)).cpuSeconds);
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [one, other, bound] of BOUNDS)
    it(`${one} takes less than ${bound} times the processor time of ${other}`, () => {
      const [own, others] = [seconds[one]!, seconds[other]!];
      const figures = `${own.toFixed(2)} s / ${others.toFixed(2)} s = ${(own / others).toFixed(2)}`;
      console.log(`      ${figures}`);
      assert.ok(
        own / others <= bound,
        `${figures}; make bench shows which step has become slower, and by how much`,
      );
    });
});
