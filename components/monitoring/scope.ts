/** What is watched: one stage. Several stages may share a Prometheus, so each query names its namespace. */
export interface Scope {
  readonly namespace: string;
  /** Web services; their name is the label `job` of their metrics. */
  readonly services: readonly string[];
  /** Name of the Certificate that cert-manager renews; undefined: there is none. */
  readonly certificate?: string;
  /** Whether there are scheduled backups. */
  readonly backup: boolean;
  /** The part of a query that selects the series of this namespace, and those with more matchers. */
  readonly of: (...matchers: readonly string[]) => string;
}

export const scopeOf = (
  namespace: string,
  watched: Pick<Scope, "services" | "certificate" | "backup">,
): Scope => ({
  ...watched,
  namespace,
  of: (...matchers) => `{${[`namespace="${namespace}"`, ...matchers].join(",")}}`,
});
