/** What the dashboard shows of every app that the stack deploys. */
import { archiveMetric, type Scope } from "./scope.ts";

export interface Panel {
  /** Heading under which the panel stands. */
  readonly row: string;
  readonly title: string;
  /** Unit as Grafana names it, such as `s`, `bytes`, `percentunit`. */
  readonly unit: string;
  readonly queries: readonly Query[];
}

interface Query {
  readonly expr: string;
  /** Name of a line, such as `{{job}}`. */
  readonly legend: string;
}

/** Time over which rates are taken: Grafana chooses it by the width of the panel. */
export const RATE = "$__rate_interval";

function requests({ of }: Scope): Panel[] {
  const row = "Requests";
  const users = of('route!~"/health.*"');
  const quantile = (share: number): Query => ({
    expr: `histogram_quantile(${share}, sum by (job, le) (rate(http_request_duration_seconds_bucket${users}[${RATE}])))`,
    legend: `{{job}}, ${share * 100} %`,
  });
  return [
    {
      row,
      title: "Requests",
      unit: "reqps",
      queries: [
        { expr: `sum by (job) (rate(http_requests_total${users}[${RATE}]))`, legend: "{{job}}" },
      ],
    },
    {
      row,
      title: "Requests by status",
      unit: "reqps",
      queries: [
        {
          expr: `sum by (job, status) (rate(http_requests_total${users}[${RATE}]))`,
          legend: "{{job}} {{status}}",
        },
      ],
    },
    { row, title: "Time to answer", unit: "s", queries: [0.5, 0.95, 0.99].map(quantile) },
    {
      row,
      title: "Errors and slow requests, share over an hour",
      unit: "percentunit",
      queries: [
        { expr: `namespace_job:http_errors:ratio1h${of()}`, legend: "{{job}}, errors" },
        { expr: `namespace_job:http_slow:ratio1h${of()}`, legend: "{{job}}, slow" },
      ],
    },
  ];
}

function pods({ of, namespace }: Scope): Panel[] {
  const row = "Pods";
  const ratioOf = (used: string, most: string) => `${used} / (${most} > 0)`;
  const autoscaler = (metric: string) =>
    `max by (horizontalpodautoscaler) (kube_horizontalpodautoscaler_${metric}${of()})`;
  const quota = (type: string) => `max by (resource) (kube_resourcequota${of(`type="${type}"`)})`;
  return [
    {
      row,
      title: "Pods that can be scraped",
      unit: "none",
      queries: [{ expr: `sum by (job) (up${of()})`, legend: "{{job}}" }],
    },
    {
      row,
      title: "CPU",
      unit: "none",
      queries: [
        {
          expr: `sum by (pod) (rate(process_cpu_seconds_total${of()}[${RATE}]))`,
          legend: "{{pod}}",
        },
      ],
    },
    {
      row,
      title: "Memory",
      unit: "bytes",
      queries: [{ expr: `sum by (pod) (process_resident_memory_bytes${of()})`, legend: "{{pod}}" }],
    },
    {
      row,
      title: "Autoscaling",
      unit: "none",
      queries: [
        {
          expr: autoscaler("status_current_replicas"),
          legend: "{{horizontalpodautoscaler}}",
        },
        {
          expr: autoscaler("spec_max_replicas"),
          legend: "{{horizontalpodautoscaler}}, largest number",
        },
      ],
    },
    {
      row,
      title: "Restarts in an hour",
      unit: "none",
      queries: [
        {
          expr: `sum by (pod) (increase(kube_pod_container_status_restarts_total${of()}[1h]))`,
          legend: "{{pod}}",
        },
      ],
    },
    {
      row,
      title: `Quota of ${namespace} in use`,
      unit: "percentunit",
      queries: [{ expr: ratioOf(quota("used"), quota("hard")), legend: "{{resource}}" }],
    },
  ];
}

function data(scope: Scope): Panel[] {
  const { of, backup, archive } = scope;
  const row = "Data";
  const made = archive
    ? `max(${archiveMetric(scope, "last_available_backup_timestamp")})`
    : `max by (cronjob) (kube_cronjob_status_last_successful_time${of('cronjob="backup"')})`;
  const age = `time() - ${made}`;
  return [
    {
      row,
      title: "Database connections of each pod in use",
      unit: "percentunit",
      queries: [
        {
          expr: `max by (pod) (db_pool_connections${of('state="in_use"')}) / max by (pod) (db_pool_size${of()})`,
          legend: "{{pod}}",
        },
      ],
    },
    {
      row,
      title: "Volumes in use",
      unit: "percentunit",
      queries: [
        {
          expr: `max by (persistentvolumeclaim) (kubelet_volume_stats_used_bytes${of()} / kubelet_volume_stats_capacity_bytes${of()})`,
          legend: "{{persistentvolumeclaim}}",
        },
      ],
    },
    ...(backup || archive
      ? [
          {
            row,
            title: "Age of the newest backup",
            unit: "s",
            queries: [{ expr: age, legend: "" }],
          },
        ]
      : []),
  ];
}

/** The panels in the order of the dashboard. */
export const panelsOf = (scope: Scope): Panel[] => [
  ...requests(scope),
  ...pods(scope),
  ...data(scope),
];
