/** Reads and writes the results: comma-separated values without quotes, which any program can read. */
import { readFileSync, writeFileSync } from "node:fs";

/** A line by the names of its columns. */
export type Row = Readonly<Record<string, string>>;

/** What would need quotes becomes a blank. */
const clean = (value: unknown) =>
  String(value)
    .replace(/[",\s]+/g, " ")
    .trim();

/** Writes rows that all have the columns of the first one, in its order. */
export function writeCsv(file: string, rows: readonly object[]): void {
  const lines = [Object.keys(rows[0]!), ...rows.map((row) => Object.values(row).map(clean))];
  writeFileSync(file, lines.map((line) => `${line.join(",")}\n`).join(""));
}

/** The rows of a file. */
export function readCsv(file: string): readonly Row[] {
  const [header = "", ...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
  const columns = header.split(",");
  return lines.map((line) => {
    const values = line.split(",");
    return Object.fromEntries(columns.map((column, index) => [column, values[index] ?? ""]));
  });
}
