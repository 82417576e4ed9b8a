/** The tables and the chart of how costs grow with the number of copies of the app. */
import { lineChart } from "../lineChart.ts";
import type { Row } from "../csv.ts";
import { fitLine, inWords, rounded, summarise, type Line } from "../statistics.ts";
import { table, unique } from "../report/table.ts";

const CHART = "images/performance-scale.svg";
const NOT_YET = "Not measured yet.";

/** The steps in one stack whose growth is looked at, and what they are called. */
const STEPS = {
  deploy: "first `pulumi up`",
  "deploy-written-once": "the same, state written once",
  "no-change": "`pulumi up` without a change",
  preview: "`pulumi preview` without a change",
} as const;

const KILOBYTE = 1000;
const MILLISECONDS = 1000;

const inOneStack = (rows: readonly Row[]) => rows.filter(({ kind }) => kind === "one stack");
const ofStep = (rows: readonly Row[], step: string) => rows.filter((row) => row.step === step);
const numbersOf = (rows: readonly Row[]) => unique(rows.map(({ copies }) => copies!));
const values = (rows: readonly Row[], column: string) => rows.map((row) => Number(row[column]));

/** A column for each number of copies in one stack, in the order of the rows. */
function costTable(rows: readonly Row[]): string {
  const one = inOneStack(rows);
  const numbers = numbersOf(one);
  const line = (title: string, found: readonly Row[], column: string, unit = 1) => [
    title,
    ...numbers.map((copies) => {
      const measured = values(
        found.filter((row) => row.copies === copies),
        column,
      );
      return measured.length ? inWords(summarise(measured.map((value) => value / unit))) : "";
    }),
  ];
  const steps = Object.entries(STEPS);
  return table(
    ["", ...numbers],
    [
      ...steps.map(([step, title]) => line(`${title}, s`, ofStep(one, step), "wall_seconds")),
      ...steps.map(([step, title]) => line(`${title}, CPU s`, ofStep(one, step), "cpu_seconds")),
      ...steps.map(([step, title]) => line(`${title}, MiB`, ofStep(one, step), "peak_mib")),
      line("state, KB", ofStep(one, "preview"), "state_bytes", KILOBYTE),
    ],
  );
}

/** The points of a step: copies, and what its runs have taken. */
const pointsOf = (rows: readonly Row[], step: string, column: string) =>
  ofStep(inOneStack(rows), step).map((row) => [Number(row.copies), Number(row[column])] as const);

/** What one more copy takes between two numbers of copies that follow each other, from medians. */
function betweenNumbers(points: readonly (readonly [number, number])[]): string {
  const numbers = [...new Set(points.map(([copies]) => copies))];
  const medians = numbers.map(
    (copies) => summarise(points.filter(([x]) => x === copies).map(([, y]) => y)).median,
  );
  const parts = numbers.slice(1).map((copies, index) => {
    const more = (medians[index + 1]! - medians[index]!) / (copies - numbers[index]!);
    return `${numbers[index]!}–${copies}: ${(more * MILLISECONDS).toFixed(0)}`;
  });
  return parts.join(", ");
}

/** The straight line through the wall times of a step; undefined where all are of the same number of copies. */
function lineOf(rows: readonly Row[], step: string) {
  const points = pointsOf(rows, step, "wall_seconds");
  return new Set(points.map(([copies]) => copies)).size > 1 ? fitLine(points) : undefined;
}

const inMilliseconds = ({ slope }: Line) => (slope * MILLISECONDS).toFixed(1);

/** The milliseconds that one more copy takes in a step, by its line; undefined where there is none. */
export function perCopy(rows: readonly Row[], step: keyof typeof STEPS): string | undefined {
  const line = lineOf(rows, step);
  return line && inMilliseconds(line);
}

/** The lines of the steps, and how well they fit. */
function fitTable(rows: readonly Row[]): string {
  const fits = Object.entries(STEPS).flatMap(([step, title]) => {
    const line = lineOf(rows, step);
    if (!line) return [];
    const between = betweenNumbers(pointsOf(rows, step, "wall_seconds"));
    const { intercept, determination } = line;
    return [[title, inMilliseconds(line), rounded(intercept), determination.toFixed(4), between]];
  });
  const header = ["", "ms per copy", "s without copies", "R²", "ms per copy between two numbers"];
  return table(header, fits);
}

/** As many stacks: what one has cost in the sample, times the number. */
function stacksTable(rows: readonly Row[]): string {
  const sample = rows.filter(({ kind }) => kind === "own stacks");
  const numbers = numbersOf(inOneStack(rows));
  const lines = unique(sample.map(({ step }) => step!)).map((step) => {
    const one = summarise(values(ofStep(sample, step), "wall_seconds"));
    const title = STEPS[step as keyof typeof STEPS];
    return [
      `${title}, s`,
      inWords(one),
      ...numbers.map((copies) => rounded(one.median * Number(copies))),
    ];
  });
  const size = summarise(values(ofStep(sample, "preview"), "state_bytes")).median / KILOBYTE;
  const sizes = numbers.map((copies) => rounded(size * Number(copies)));
  const header = ["", "one stack", ...numbers.map((copies) => `${copies} stacks`)];
  return table(header, [...lines, ["state, KB", rounded(size), ...sizes]]);
}

/** Each table by its name in the report. */
export function scaleTables(rows: readonly Row[]): Readonly<Record<string, string>> {
  if (!rows.length) return { scale: NOT_YET, scaleFit: NOT_YET, scaleStacks: NOT_YET };
  const hasStacks = rows.some(({ kind }) => kind === "own stacks");
  return {
    scale: costTable(rows),
    scaleFit: `![Wall time of each step by the number of copies](${CHART})\n\n${fitTable(rows)}`,
    scaleStacks: hasStacks ? stacksTable(rows) : NOT_YET,
  };
}

/** The chart by the path of its file; nothing before there are results. */
export function scaleChart(rows: readonly Row[]): Readonly<Record<string, string>> {
  if (!rows.length) return {};
  const lines = Object.entries(STEPS)
    .map(([step, title]) => ({
      name: title.replaceAll("`", ""),
      points: pointsOf(rows, step, "wall_seconds"),
    }))
    .filter(({ points }) => points.length);
  return { [`docs/${CHART}`]: lineChart("Wall time in seconds by the number of copies", lines) };
}
