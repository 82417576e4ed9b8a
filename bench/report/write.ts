/** Writes results and the report, and says which targets are met. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeCsv } from "../csv.ts";
import type { Facts } from "../machine.ts";
import { REPORT, chartsOf, readResults, withTables, type Results } from "../report.ts";
import { judge } from "./targets.ts";

const RESULTS = "bench/results";

/** Writes the rows of a file of results, of which there is at least one. */
export const writeResults = (name: keyof Results, rows: readonly object[]): void =>
  writeCsv(join(RESULTS, `${name}.csv`), rows);

/** Writes the facts about a run. */
export const writeFacts = (facts: Facts): void =>
  writeResults(
    "facts",
    Object.entries(facts).map(([fact, value]) => ({ fact, value })),
  );

/** Writes the tables and charts of the results. @returns the results */
export async function writeReport(): Promise<Results> {
  const results = readResults(RESULTS);
  writeFileSync(REPORT, await withTables(readFileSync(REPORT, "utf8"), results));
  for (const [file, chart] of Object.entries(chartsOf(results))) writeFileSync(file, chart);
  return results;
}

/** Prints each target with its figure. Where one is missed, the process will end with exit code 1. */
export function showTargets(results: Results): void {
  const targets = judge(results);
  process.stdout.write("\n");
  for (const { what, asked, figure, isMet } of targets)
    process.stdout.write(`  ${isMet ? "met   " : "missed"}  ${what}: ${figure}, ${asked}\n`);
  if (!targets.every(({ isMet }) => isMet)) process.exitCode = 1;
}
