/** Draws bars as SVG: a panel for each group, with a scale of its own, as the groups differ by a factor of ten and more. */
import { rounded, type Summary } from "./statistics.ts";

/** A bar as long as its median; a line goes from minimum to maximum. */
interface Bar extends Summary {
  readonly name: string;
}

interface Group {
  readonly name: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 720;
const LEFT = 120;
const RIGHT = 90;
const ROW = 22;
const HEADING = 34;
const FONT = 'font-family="system-ui, sans-serif" font-size="13"';
/** By the place of a bar's name among all names, so that a tool has the same colour in each panel. */
export const COLOURS = ["#0b6bcb", "#8250df", "#bf8700", "#1a7f37", "#cf222e", "#6e7781"];

export const chartText = (x: number, y: number, content: string, more = "") =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${content}</text>`;

function drawBar(bar: Bar, top: number, scale: number, colour: string): string {
  const [start, middle] = [LEFT, top + ROW / 2];
  const at = (value: number) => (start + value * scale).toFixed(1);
  return [
    chartText(start - 8, middle + 4, bar.name, 'text-anchor="end"'),
    `<rect x="${start}" y="${top + 3}" width="${(bar.median * scale).toFixed(1)}" height="${ROW - 6}" fill="${colour}"/>`,
    `<path d="M${at(bar.min)} ${middle}H${at(bar.max)}" stroke="#24292f" stroke-width="1.5"/>`,
    chartText(start + bar.max * scale + 6, middle + 4, rounded(bar.median)),
  ].join("\n");
}

/** The text of an SVG file. */
export const svg = (title: string, width: number, height: number, parts: readonly string[]) =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ${FONT} fill="#24292f">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    chartText(8, 22, title, 'font-size="15" font-weight="600"'),
    ...parts,
    "</svg>\n",
  ].join("\n");

/** The chart as the text of an SVG file. */
export function barChart(title: string, groups: readonly Group[]): string {
  const names = [...new Set(groups.flatMap(({ bars }) => bars.map(({ name }) => name)))];
  const parts: string[] = [];
  let top = HEADING;
  for (const { name, bars } of groups) {
    const scale = (WIDTH - LEFT - RIGHT) / Math.max(...bars.map(({ max }) => max));
    parts.push(chartText(8, top + 18, name, 'font-weight="600"'));
    top += 26;
    for (const bar of bars) {
      parts.push(drawBar(bar, top, scale, COLOURS[names.indexOf(bar.name) % COLOURS.length]!));
      top += ROW;
    }
    top += 8;
  }
  return svg(title, WIDTH, top, parts);
}
