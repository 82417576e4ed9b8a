/** What the scenarios measured, as one table after the last of them. */
import type { Outcome } from "../e2e/support/load.ts";

const HEADER = ["scenario", "requests", "failed", "p50 ms", "p99 ms", "max ms", "gap ms", "seen"];
const rows: string[][] = [];

/** Adds a row; `seen` is whatever else is to be known of the scenario. */
export function note(scenario: string, outcome: Outcome, seen = ""): void {
  const { requests, failures, milliseconds, gapMilliseconds } = outcome;
  const share = (part: number) => milliseconds[Math.ceil(part * milliseconds.length) - 1] ?? NaN;
  const figures = [requests, failures.length, share(0.5), share(0.99), share(1), gapMilliseconds];
  rows.push([scenario, ...figures.map(String), seen]);
}

// Of mocha's root suite: this file is read once, however many files of tests use it.
after(() => {
  const widths = HEADER.map((_, column) =>
    Math.max(...[HEADER, ...rows].map((row) => row[column]!.length)),
  );
  const align = (text: string, column: number) =>
    column > 0 && column < HEADER.length - 1
      ? text.padStart(widths[column]!)
      : text.padEnd(widths[column]!);
  for (const row of [HEADER, ...rows]) console.log(`  ${row.map(align).join("  ").trimEnd()}`);
});
