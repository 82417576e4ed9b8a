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
