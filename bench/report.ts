/** Makes the tables and charts of docs/performance.md from the results. The same results always give the same text. */
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { barChart } from "./chart.ts";
import { readCsv, type Row } from "./csv.ts";
import { profileTable } from "./report/profileTable.ts";
import { ratioTable } from "./report/ratios.ts";
import { serviceTables } from "./report/serviceTables.ts";
import { table, unique } from "./report/table.ts";
import { scaleChart, scaleTables } from "./scale/tables.ts";
import { inWords, rounded, summarise, type Summary } from "./statistics.ts";
import { STEPS } from "./tools/tool.ts";

/** The files with the results, which are in bench/results/. */
export const FILES = [
  "delivery",
  "images",
  "facts",
  "cold",
  "builds",
  "service",
  "scale",
  "profile",
] as const;

/** The rows of each file. */
export type Results = Readonly<Record<(typeof FILES)[number], readonly Row[]>>;

export const REPORT = "docs/performance.md";

/** What is measured of each step: the column, and how the chart is called. */
const FIGURES = {
  wall: { column: "wall_seconds", title: "Wall time in seconds" },
  cpu: { column: "cpu_seconds", title: "CPU time in seconds" },
  memory: { column: "peak_mib", title: "Peak memory in MiB" },
  requests: { column: "api_requests", title: "Requests to the API server" },
} as const;

const MEGABYTE = 1e6;

/** The results in a folder. */
export const readResults = (folder: string): Results =>
  Object.fromEntries(FILES.map((name) => [name, readCsv(join(folder, `${name}.csv`))])) as Results;

const rowsOf = ({ delivery }: Results, tool: string, step: string) =>
  delivery.filter((row) => row.tool === tool && row.step === step);

/** The runs of a step together; undefined where the tool does not have the step. */
function summaryOf(results: Results, tool: string, step: string, column: string) {
  const rows = rowsOf(results, tool, step);
  return rows.length ? summarise(rows.map((row) => Number(row[column]))) : undefined;
}

function deliveryTable(results: Results, column: string): string {
  const steps = Object.keys(STEPS);
  const cell = (summary: Summary | undefined) => (summary ? inWords(summary) : "");
  const tools = unique(results.delivery.map(({ tool }) => tool!));
  return table(
    ["", ...steps],
    tools.map((tool) => [
      `\`${tool}\``,
      ...steps.map((step) => cell(summaryOf(results, tool, step, column))),
    ]),
  );
}

const sum = (rows: readonly Row[], column: string) =>
  rows.reduce((total, row) => total + Number(row[column]), 0);
const megabytes = (bytes: number) => rounded(bytes / MEGABYTE);

function imageTable({ images }: Results): string {
  const rows = unique(images.map(({ image }) => image!)).flatMap((image) =>
    (["base", "own", "all"] as const).map((part) => {
      const layers = images.filter(
        (layer) => layer.image === image && (part === "all" || layer.part === part),
      );
      const sizes = ["compressed_bytes", "unpacked_bytes"].map((column) => sum(layers, column));
      return [image, part, String(layers.length), ...sizes.map(megabytes)];
    }),
  );
  return table(["image", "part", "layers", "compressed, MB", "unpacked, MB"], rows);
}

function layerTable({ images }: Results): string {
  const rows = images.map(({ image, part, compressed_bytes, unpacked_bytes, created_by }) => [
    image!,
    part!,
    ...[compressed_bytes, unpacked_bytes].map((bytes) => megabytes(Number(bytes))),
    `\`${created_by!.replaceAll("|", "/").slice(0, 60)}\``,
  ]);
  return table(["image", "part", "compressed, MB", "unpacked, MB", "made by"], rows);
}

function factTable({ facts, delivery }: Results): string {
  const rounds = ["rounds", String(unique(delivery.map(({ round }) => round!)).length)];
  return table(["fact", "value"], [...facts.map(({ fact, value }) => [fact!, value!]), rounds]);
}

const coldTable = ({ cold }: Results): string =>
  table(
    ["what", "minutes", "on"],
    cold.map(({ what, minutes, on }) => [what!, minutes!, on!]),
  );

/** Every table by its name in the report. */
const tablesOf = (results: Results): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(
    Object.entries(FIGURES).map(([name, { column }]) => [name, deliveryTable(results, column)]),
  ),
  ratios: ratioTable(results.delivery),
  images: imageTable(results),
  layers: layerTable(results),
  facts: factTable(results),
  cold: coldTable(results),
  profile: profileTable(results.profile),
  ...serviceTables(results),
  ...scaleTables(results.scale),
});

/**
 * The report with the tables of these results between its markers, formatted as `prettier` does it.
 *
 * @throws Error where the report lacks a table, or has a marker for one that does not exist
 */
export async function withTables(report: string, results: Results): Promise<string> {
  const tables = tablesOf(results);
  const found: string[] = [];
  const text = report.replace(
    /(<!-- bench: (\w+) -->\n)[^]*?(<!-- end -->)/g,
    (_, begin: string, name: string, end: string) => {
      found.push(name);
      return `${begin}\n${tables[name] ?? ""}\n\n${end}`;
    },
  );
  const names = Object.keys(tables);
  if (found.toSorted().join() !== names.toSorted().join())
    throw new Error(`${REPORT} has the tables ${found.join()}, and is to have ${names.join()}`);
  return format(text, { ...(await resolveConfig(REPORT)), parser: "markdown" });
}

/** The chart of each figure, by the path of its file. */
export function chartsOf(results: Results): Readonly<Record<string, string>> {
  const tools = unique(results.delivery.map(({ tool }) => tool!));
  const charts = Object.entries(FIGURES).map(([name, { column, title }]) => {
    const groups = Object.entries(STEPS).map(([step, meaning]) => ({
      name: `${step}: ${meaning}`,
      bars: tools.flatMap((tool) => {
        const summary = summaryOf(results, tool, step, column);
        return summary ? [{ name: tool, ...summary }] : [];
      }),
    }));
    const measured = groups.filter(({ bars }) => bars.length);
    return [`docs/images/performance-${name}.svg`, barChart(title, measured)] as const;
  });
  return { ...Object.fromEntries(charts), ...scaleChart(results.scale) };
}
