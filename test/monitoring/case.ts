/** A test of one alert: time series, written as promtool reads them, and what they raise. */

export const NAMESPACE = "todo-app-dev";
export type Labels = Readonly<Record<string, string>>;
/** A time series by its metric and labels, and its values, one a minute. */
export type Series = readonly [metric: string, labels: Labels, values: string];

export interface Case {
  readonly alert: string;
  readonly when: string;
  readonly series: readonly Series[];
  readonly at: string;
  /** The alerts that are raised: their labels, without the namespace, and their sentence. @default none */
  readonly raised?: readonly { readonly labels: Labels; readonly summary: string }[];
}

export const written = ([metric, labels, values]: Series) => {
  const all = { namespace: NAMESPACE, ...labels };
  const pairs = Object.entries(all).map(([name, value]) => `${name}="${value}"`);
  return { series: `${metric}{${pairs.join(",")}}`, values };
};

export const warning = (labels: Labels, summary: string) => ({
  labels: { severity: "warning", ...labels },
  summary,
});
export const critical = (labels: Labels, summary: string) => ({
  labels: { severity: "critical", ...labels },
  summary,
});
