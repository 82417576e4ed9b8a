/** The table of where the processor time of commands goes. */
import type { Row } from "../csv.ts";
import { rounded, summarise } from "../statistics.ts";
import { table, unique } from "./table.ts";

/** The median of each part's processor time, by command. */
export function profileTable(rows: readonly Row[]): string {
  const commands = unique(rows.map(({ command }) => command!));
  const parts = unique(rows.map(({ part }) => part!));
  const median = (isMeant: (row: Row) => boolean) => {
    const runs = Map.groupBy(rows.filter(isMeant), ({ run }) => run);
    const sums = [...runs.values()].map((run) =>
      run.reduce((sum, { cpu_seconds }) => sum + Number(cpu_seconds), 0),
    );
    return rounded(summarise(sums).median);
  };
  const line = (name: string, isMeant: (row: Row) => boolean) => [
    name,
    ...commands.map((command) => median((row) => row.command === command && isMeant(row))),
  ];
  return table(
    [
      "",
      ...commands.map((command) => (/^(make|pulumi)/.test(command) ? `\`${command}\`` : command)),
    ],
    [...parts.map((part) => line(part, (row) => row.part === part)), line("together", () => true)],
  );
}
