/** Draws points and the straight line through them as SVG. Both axes are logarithmic, as the values differ by a factor of a hundred. */
import { COLOURS, chartText, svg } from "./chart.ts";
import { fitLine, rounded } from "./statistics.ts";

interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const [LEFT, TOP, WIDTH, HEIGHT] = [60, 40, 620, 330];
const LEGEND_ROW = 20;
const CURVE_PARTS = 40;

/** An axis from the lowest to the highest value: where a value is, from 0 to 1, and the values that are written beside it. */
function axis(values: readonly number[]) {
  const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.log10) as [
    number,
    number,
  ];
  const [from, to] = [Math.floor(low), Math.max(Math.ceil(high), Math.floor(low) + 1)];
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  return { at: (value: number) => (Math.log10(value) - from) / (to - from), ticks };
}

/** The chart as the text of an SVG file. */
export function lineChart(title: string, series: readonly Series[]): string {
  const all = series.flatMap(({ points }) => points);
  const [across, up] = [axis(all.map(([x]) => x)), axis(all.map(([, y]) => y))];
  const xOf = (value: number) => LEFT + across.at(value) * WIDTH;
  const yOf = (value: number) => TOP + (1 - up.at(value)) * HEIGHT;
  const grid = [
    ...across.ticks.map(
      (tick) =>
        `<path d="M${xOf(tick).toFixed(1)} ${TOP}v${HEIGHT}" stroke="#d0d7de"/>` +
        chartText(xOf(tick), TOP + HEIGHT + 18, String(tick), 'text-anchor="middle"'),
    ),
    ...up.ticks.map(
      (tick) =>
        `<path d="M${LEFT} ${yOf(tick).toFixed(1)}h${WIDTH}" stroke="#d0d7de"/>` +
        chartText(LEFT - 8, yOf(tick) + 4, String(tick), 'text-anchor="end"'),
    ),
  ];
  const drawn = series.map(({ name, points }, index) => {
    const colour = COLOURS[index % COLOURS.length]!;
    const legend = TOP + HEIGHT + 44 + index * LEGEND_ROW;
    return [
      ...points.map(
        ([x, y]) =>
          `<circle cx="${xOf(x).toFixed(1)}" cy="${yOf(y).toFixed(1)}" r="3" fill="${colour}"/>`,
      ),
      fitted(points, colour, xOf, yOf),
      `<rect x="${LEFT}" y="${legend - 10}" width="12" height="12" fill="${colour}"/>`,
      chartText(LEFT + 20, legend, `${name}${inFormula(points)}`),
    ].join("\n");
  });
  const height = TOP + HEIGHT + 44 + series.length * LEGEND_ROW;
  return svg(title, LEFT + WIDTH + 40, height, [...grid, ...drawn]);
}

type Points = Series["points"];
type Place = (value: number) => number;

const isLine = (points: Points) => new Set(points.map(([x]) => x)).size > 1;

/** The straight line, which logarithmic axes bend. */
function fitted(points: Points, colour: string, xOf: Place, yOf: Place): string {
  if (!isLine(points)) return "";
  const { slope, intercept } = fitLine(points);
  const [low, high] = [Math.min(...points.map(([x]) => x)), Math.max(...points.map(([x]) => x))];
  const places = Array.from({ length: CURVE_PARTS + 1 }, (_, part) => {
    const x = low * (high / low) ** (part / CURVE_PARTS);
    return [x, intercept + slope * x] as const;
  }).filter(([, y]) => y > 0);
  const path = places.map(([x, y]) => `${xOf(x).toFixed(1)} ${yOf(y).toFixed(1)}`).join("L");
  return `<path d="M${path}" stroke="${colour}" stroke-dasharray="4 3" fill="none"/>`;
}

function inFormula(points: Points): string {
  if (!isLine(points)) return "";
  const { slope, intercept } = fitLine(points);
  return `: ${rounded(intercept)} s + ${(slope * 1000).toFixed(0)} ms per copy`;
}
