/**
 * What raises an alarm, besides the objectives of `objectives.ts`. Names that begin with `kube_` and `kubelet_` are those of
 * kube-state-metrics and the kubelet, `certmanager_` those of cert-manager.
 */
import { archiveMetric, type Scope } from "./scope.ts";

export interface Alert {
  /** Also the heading of its runbook in docs/monitoring.md. */
  readonly name: string;
  /** `critical` may wake somebody up; `warning` can wait until the morning. */
  readonly severity: "critical" | "warning";
  /** Query that has a result while something is wrong. */
  readonly expr: string;
  /** How long that must last. @default as soon as it is seen */
  readonly for?: string;
  /** One sentence, a template of Prometheus. */
  readonly summary: string;
  /** Labels in addition to those of the result. @default none */
  readonly labels?: Readonly<Record<string, string>>;
}

/** No pod of a service can be scraped. Without metrics, no other alert of the service can be raised. */
const down = ({ namespace }: Scope, job: string): Alert => ({
  name: "AppDown",
  severity: "critical",
  expr: `absent(up{namespace="${namespace}",job="${job}"} == 1)`,
  for: "5m",
  summary: `Prometheus reaches no pod of ${job} in ${namespace}`,
  labels: { job },
});

function restarts({ of }: Scope): Alert {
  const count = `kube_pod_container_status_restarts_total${of()}`;
  return {
    name: "AppRestarts",
    severity: "warning",
    // `increase` extrapolates: between two scrapes, two restarts are a little more than two.
    expr: `sum by (namespace, pod, container) (${count} - min_over_time(${count}[1h])) > 2`,
    summary:
      '{{ $labels.container }} of pod {{ $labels.pod }} was restarted {{ $value | printf "%.0f" }} times in an hour',
  };
}

function autoscalerAtMaximum({ of }: Scope): Alert {
  const by = "max by (namespace, horizontalpodautoscaler)";
  return {
    name: "AppAutoscalerAtMaximum",
    severity: "warning",
    expr:
      `${by} (kube_horizontalpodautoscaler_status_current_replicas${of()}) >= ` +
      `${by} (kube_horizontalpodautoscaler_spec_max_replicas${of()})`,
    for: "15m",
    summary:
      "{{ $labels.horizontalpodautoscaler }} has had its largest number of pods, {{ $value }}, for 15 minutes",
  };
}

function quotaNearlyUsed({ of }: Scope): Alert {
  const by = "max by (namespace, resourcequota, resource)";
  const quota = (type: string) => `${by} (kube_resourcequota${of(`type="${type}"`)})`;
  return {
    name: "AppQuotaNearlyUsed",
    severity: "warning",
    expr: `${quota("used")} / (${quota("hard")} > 0) > 0.8`,
    for: "15m",
    summary: "{{ $value | humanizePercentage }} of the quota of {{ $labels.resource }} is in use",
  };
}

const volumeNearlyFull = ({ of }: Scope, severity: Alert["severity"], share: number): Alert => ({
  name: "AppVolumeNearlyFull",
  severity,
  expr: `max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_used_bytes${of()} / kubelet_volume_stats_capacity_bytes${of()}) > ${share}`,
  for: "15m",
  summary:
    "The volume {{ $labels.persistentvolumeclaim }} is {{ $value | humanizePercentage }} full",
});

/** Limits of the certificate alerts, in seconds. A certificate may have a lifetime of months or of hours. */
const RENEWAL_LATE = 2 * 3600;
const EXPIRES_SOON = 2 * 24 * 3600;

function certificate({ namespace }: Scope, name: string): Alert[] {
  // Prometheus renames the namespace that cert-manager reports, unless its monitor says `honorLabels: true`.
  const reported = (metric: string) => {
    const of = (label: string) =>
      `certmanager_certificate_${metric}_timestamp_seconds{name="${name}",${label}="${namespace}"}`;
    return `max by (name) (${of("namespace")} or ${of("exported_namespace")})`;
  };
  // 0: cert-manager has not planned a renewal, because it has not issued the certificate yet.
  const late = `time() - (${reported("renewal")} > 0) > ${RENEWAL_LATE}`;
  return [
    {
      name: "AppCertificateNotRenewed",
      severity: "warning",
      expr: late,
      for: "10m",
      summary: "The certificate should have been renewed {{ $value | humanizeDuration }} ago",
    },
    {
      name: "AppCertificateExpires",
      severity: "critical",
      expr: `${reported("expiration")} - time() < ${EXPIRES_SOON} and ${late}`,
      for: "10m",
      summary:
        "The certificate expires in {{ $value | humanizeDuration }}, and its renewal is overdue",
    },
  ];
}

function backup({ of }: Scope): Alert[] {
  const cronJob = (metric: string) =>
    `max by (namespace) (kube_cronjob_${metric}${of('cronjob="backup"')})`;
  // A database that was never backed up has no time of a success.
  const success = `(${cronJob("status_last_successful_time")} or 0 * ${cronJob("created")})`;
  const failedStart =
    `max by (namespace) (kube_job_status_start_time${of('job_name=~"backup-[0-9]+"')} ` +
    `and on (namespace, job_name) kube_job_failed${of('condition="true"')} == 1)`;
  return [
    {
      name: "AppBackupFailed",
      severity: "warning",
      expr: `${failedStart} > ${success}`,
      summary: "A scheduled backup has failed, and none has succeeded since",
    },
    {
      name: "AppBackupOverdue",
      severity: "critical",
      // The backup that was due last has not succeeded; or backups are suspended; or none was started when it was due.
      expr:
        `${cronJob("status_last_schedule_time")} > ${success} or ${cronJob("spec_suspend")} == 1 ` +
        `or time() - ${cronJob("next_schedule_time")} > 3600`,
      for: "5h", // one backup may start an hour late and take four
      summary: "The newest backup is older than the schedule of backups says",
    },
  ];
}

function archive(scope: Scope, { longestGap }: NonNullable<Scope["archive"]>): Alert[] {
  const newest = (metric: string) => `max by (namespace) (${metric})`;
  const made = archiveMetric(scope, "last_available_backup_timestamp");
  const failed = archiveMetric(scope, "last_failed_backup_timestamp");
  const log = (name: string) => newest(`cnpg_pg_stat_archiver_${name}${scope.of()}`);
  return [
    {
      name: "AppBackupFailed",
      severity: "warning",
      expr: `${newest(failed)} > ${newest(made)}`,
      summary: "A backup has failed, and none has succeeded since",
    },
    {
      name: "AppBackupOverdue",
      severity: "critical",
      // Without the metric, nobody knows.
      expr: `time() - ${newest(made)} > ${longestGap} or absent(${made})`,
      for: "5h", // as with a CronJob, whose backup may start an hour late and take four
      summary: "The newest backup is older than the schedule of backups says",
    },
    {
      name: "AppArchiveFails",
      severity: "critical",
      expr: `${log("last_failed_time")} > ${log("last_archived_time")}`,
      for: "15m",
      summary:
        "The write-ahead log can't be archived: it fills the volume, and what is written now is in no backup",
    },
  ];
}

const migrationFailed = ({ of }: Scope): Alert => ({
  name: "AppMigrationFailed",
  severity: "warning",
  expr: `max by (namespace, job_name) (kube_job_failed${of('condition="true"', 'job_name=~"migration-.+"')}) == 1`,
  summary:
    "The schema migration {{ $labels.job_name }} has failed; the pods of before go on serving",
});

function databaseConnections({ of }: Scope): Alert {
  const by = "max by (namespace, job, pod)";
  return {
    name: "AppDatabaseConnections",
    severity: "warning",
    expr: `${by} (db_pool_connections${of('state="in_use"')}) >= ${by} (db_pool_size${of()})`,
    for: "5m",
    summary:
      "Every database connection of pod {{ $labels.pod }} has been in use for 5 minutes: requests wait for one",
  };
}

/** All alerts about what the stack deploys, whichever app it is. */
export function alertsOf(scope: Scope): Alert[] {
  return [
    ...scope.services.map((service) => down(scope, service)),
    restarts(scope),
    autoscalerAtMaximum(scope),
    quotaNearlyUsed(scope),
    volumeNearlyFull(scope, "warning", 0.8),
    volumeNearlyFull(scope, "critical", 0.95),
    ...(scope.certificate ? certificate(scope, scope.certificate) : []),
    ...(scope.backup ? backup(scope) : []),
    ...(scope.archive ? archive(scope, scope.archive) : []),
    migrationFailed(scope),
    databaseConnections(scope),
  ];
}
