/** A Grafana dashboard, made of a list of panels. */
import { createHash } from "node:crypto";
import type { Panel } from "./panels.ts";

/** Grafana divides the width of a dashboard into 24 columns. */
const WIDTH = 8;
const HEIGHT = 8;
const PER_LINE = 24 / WIDTH;

/** A number that whoever looks at the dashboard can type, as `$name` in the queries. */
export interface Variable {
  readonly name: string;
  readonly label: string;
  readonly value: string;
}

/** The data source is chosen on the dashboard: its name differs from one Grafana to the next. */
const DATA_SOURCE = { type: "prometheus", uid: "${datasource}" };

function panelJson({ title, unit, queries }: Panel, id: number, x: number, y: number) {
  return {
    id,
    type: "timeseries",
    title,
    datasource: DATA_SOURCE,
    gridPos: { x, y, w: WIDTH, h: HEIGHT },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options: {
      legend: { displayMode: "list", placement: "bottom" },
      tooltip: { mode: "multi", sort: "desc" },
    },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource: DATA_SOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}

const rowJson = (title: string, id: number, y: number) => ({
  id,
  type: "row",
  title,
  collapsed: false,
  gridPos: { x: 0, y, w: 24, h: 1 },
  panels: [],
});

/** Each row with its panels below it, three side by side. */
function layOut(panels: readonly Panel[]) {
  const placed: object[] = [];
  let y = 0;
  for (const row of new Set(panels.map((panel) => panel.row))) {
    placed.push(rowJson(row, placed.length + 1, y++));
    const own = panels.filter((panel) => panel.row === row);
    for (const [index, panel] of own.entries()) {
      const line = y + Math.floor(index / PER_LINE) * HEIGHT;
      placed.push(panelJson(panel, placed.length + 1, (index % PER_LINE) * WIDTH, line));
    }
    y += Math.ceil(own.length / PER_LINE) * HEIGHT;
  }
  return placed;
}

const textBox = ({ name, label, value }: Variable) => ({
  name,
  label,
  type: "textbox",
  query: value,
  current: { text: value, value },
});

/** The JSON of a dashboard about a namespace. */
export function dashboardJson(
  namespace: string,
  panels: readonly Panel[],
  variables: readonly Variable[],
): string {
  const dataSource = { name: "datasource", label: "Data source", type: "datasource" };
  return JSON.stringify(
    {
      // Grafana allows 40 characters. The same namespace keeps its dashboard, and links to it stay valid.
      uid: `todo-app-${createHash("sha256").update(namespace).digest("hex").slice(0, 16)}`,
      title: `todo-app: ${namespace}`,
      tags: ["todo-app"],
      schemaVersion: 39,
      editable: false,
      refresh: "30s",
      time: { from: "now-6h", to: "now" },
      templating: {
        list: [{ ...dataSource, query: "prometheus" }, ...variables.map(textBox)],
      },
      panels: layOut(panels),
    },
    null,
    2,
  );
}
