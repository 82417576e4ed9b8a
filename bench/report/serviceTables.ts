/** The tables of the builds, of the running app and of the targets. */
import type { Row } from "../csv.ts";
import { SCENARIOS, type Scenario } from "../service/rows.ts";
import { rounded } from "../statistics.ts";
import { table } from "./table.ts";
import { judge, type Measurements } from "./targets.ts";

/** Scenarios that show how fast the app answers. The others show how long something took. */
const LOADS: readonly string[] = ["light load", "full load"] satisfies readonly Scenario[];

const size = (bytes: string) => {
  const count = Number(bytes);
  return count < 1000 ? `${count} B` : `${rounded(count / 1000)} kB`;
};

function buildTable(builds: readonly Row[]): string {
  const rows = builds.map((row) => [
    row.build!,
    `\`${row.tool!}\``,
    ...["backend_seconds", "frontend_seconds", "wall_seconds"].map((column) =>
      rounded(Number(row[column])),
    ),
    size(row.sent_bytes!),
  ]);
  const header = ["build", "with", "backend, s", "frontend, s", "both, s", "sent to Docker"];
  return table(header, rows);
}

const meaning = (scenario: string) => SCENARIOS[scenario as Scenario];

function loadTable(service: readonly Row[]): string {
  const rows = service
    .filter(({ scenario }) => LOADS.includes(scenario!))
    .map(({ scenario, seconds, requests, failed, p50_ms, p95_ms, p99_ms }) => {
      const answered = Number(requests) - Number(failed);
      const perSecond = rounded(answered / Number(seconds));
      return [scenario!, meaning(scenario!), perSecond, failed!, p50_ms!, p95_ms!, p99_ms!];
    });
  const header = ["", "what", "answers per second", "failed", "p50, ms", "p95, ms", "p99, ms"];
  return table(header, rows);
}

function eventTable(service: readonly Row[]): string {
  const rows = service
    .filter(({ scenario }) => !LOADS.includes(scenario!))
    .map(({ scenario, seconds, requests, failed, gap_ms }) => [
      scenario!,
      meaning(scenario!),
      seconds!,
      requests && `${failed!} of ${requests}`,
      gap_ms!,
    ]);
  return table(["", "what", "seconds", "failed requests", "longest gap, ms"], rows as string[][]);
}

const targetTable = (measured: Measurements): string =>
  table(
    ["target", "asked", "measured", "met"],
    judge(measured).map(({ what, asked, figure, isMet }) => [
      what,
      asked,
      figure,
      isMet ? "yes" : "no",
    ]),
  );

/** The tables by their names in the report. */
export const serviceTables = (measured: Measurements): Readonly<Record<string, string>> => ({
  builds: buildTable(measured.builds),
  load: loadTable(measured.service),
  events: eventTable(measured.service),
  targets: targetTable(measured),
});
