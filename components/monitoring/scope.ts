/** What is watched: one stage. Several stages may share a Prometheus, so each query names its namespace. */
export interface Scope {
  readonly namespace: string;
  /** Web services; their name is the label `job` of their metrics. */
  readonly services: readonly string[];
  /** Name of the Certificate that cert-manager renews; undefined: there is none. */
  readonly certificate?: string;
  /** Whether a CronJob makes backups. */
  readonly backup: boolean;
  /** The CloudNativePG cluster that is backed up in a bucket; undefined: there is none. */
  readonly archive?: {
    /** The longest time between two scheduled backups, in seconds. */
    readonly longestGap: number;
  };
  /** The part of a query that selects the series of this namespace, and those with more matchers. */
  readonly of: (...matchers: readonly string[]) => string;
}

export const scopeOf = (
  namespace: string,
  watched: Pick<Scope, "services" | "certificate" | "backup" | "archive">,
): Scope => ({
  ...watched,
  namespace,
  of: (...matchers) => `{${[`namespace="${namespace}"`, ...matchers].join(",")}}`,
});

/** A metric about the backups of a CloudNativePG cluster in a bucket. The plugin that makes them has it, in each server. */
export const archiveMetric = ({ of }: Scope, name: string): string =>
  `barman_cloud_cloudnative_pg_io_${name}${of()}`;
