/** What several runs say together. */

/** The middle of the runs, and how far they went apart. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Sums up the runs, of which there is at least one. */
export function summarise(values: readonly number[]): Summary {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  const [lower, upper] = [sorted[Math.ceil(middle) - 1]!, sorted[Math.floor(middle)]!];
  return { median: (lower + upper) / 2, min: sorted[0]!, max: sorted.at(-1)! };
}

/** A number with two or three digits that say something. */
export const rounded = (value: number): string =>
  value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

/** The median, and minimum and maximum in parentheses. */
export const inWords = ({ median, min, max }: Summary): string =>
  `${rounded(median)} (${rounded(min)}–${rounded(max)})`;

/** A straight line through points. */
export interface Line {
  readonly slope: number;
  readonly intercept: number;
  /** How much of the differences between the values the line explains, from 0 to 1: R². */
  readonly determination: number;
}

/** The line with the least squares of the distances to these points, which have two different values of x at least. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): Line {
  const mean = (values: readonly number[]) =>
    values.reduce((total, value) => total + value, 0) / values.length;
  const [middleX, middleY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const sum = (product: (dx: number, dy: number) => number) =>
    points.reduce((total, [x, y]) => total + product(x - middleX, y - middleY), 0);
  const [squaresX, squaresY] = [sum((dx) => dx * dx), sum((_, dy) => dy * dy)];
  const slope = sum((dx, dy) => dx * dy) / squaresX;
  const intercept = middleY - slope * middleX;
  const rest = sum((dx, dy) => (dy - slope * dx) ** 2);
  return { slope, intercept, determination: squaresY ? 1 - rest / squaresY : 1 };
}
