/** Alerts about the migration, backups and the certificate, by the metrics of kube-state-metrics and cert-manager. */
import { NAMESPACE, critical, warning, type Case, type Labels, type Series } from "./case.ts";

const failedJob = (name: string, started: string): Series[] => [
  ["kube_job_failed", { job_name: name, condition: "true" }, "1x600"],
  ["kube_job_status_start_time", { job_name: name }, started],
];
const cronJob = (metric: string, values: string): Series => [
  `kube_cronjob_${metric}`,
  { cronjob: "backup" },
  values,
];
const backupFailed = warning({}, "A scheduled backup has failed, and none has succeeded since");
const overdue = critical({}, "The newest backup is older than the schedule of backups says");

export const JOB_CASES: readonly Case[] = [
  {
    alert: "AppMigrationFailed",
    when: "its Job has failed",
    series: failedJob("migration-1a2b3c4d", "60x600"),
    at: "5m",
    raised: [
      warning(
        { job_name: "migration-1a2b3c4d" },
        "The schema migration migration-1a2b3c4d has failed; the pods of before go on serving",
      ),
    ],
  },
  {
    alert: "AppMigrationFailed",
    when: "another Job has failed",
    series: failedJob("backup-100", "60x600"),
    at: "5m",
  },
  {
    alert: "AppBackupFailed",
    when: "one has failed after the last success",
    series: [
      ...failedJob("backup-100", "600x600"),
      cronJob("created", "10x600"),
      cronJob("status_last_successful_time", "300x600"),
    ],
    at: "15m",
    raised: [backupFailed],
  },
  {
    alert: "AppBackupFailed",
    when: "the first one has failed",
    series: [...failedJob("backup-100", "600x600"), cronJob("created", "10x600")],
    at: "15m",
    raised: [backupFailed],
  },
  {
    alert: "AppBackupFailed",
    when: "one has succeeded since, or the failed one was made by hand",
    series: [
      ...failedJob("backup-100", "600x600"),
      ...failedJob("backup-by-hand-x7", "1200x600"),
      cronJob("created", "10x600"),
      cronJob("status_last_successful_time", "900x600"),
    ],
    at: "30m",
  },
  {
    alert: "AppBackupOverdue",
    when: "the one that was due has not succeeded for hours",
    series: [
      cronJob("status_last_schedule_time", "3600x600"),
      cronJob("status_last_successful_time", "300x600"),
    ],
    at: "7h",
    raised: [overdue],
  },
  {
    alert: "AppBackupOverdue",
    when: "none was started when it was due",
    series: [
      cronJob("status_last_schedule_time", "600x600"),
      cronJob("status_last_successful_time", "700x600"),
      cronJob("next_schedule_time", "3600x600"),
    ],
    at: "8h",
    raised: [overdue],
  },
  {
    alert: "AppBackupOverdue",
    when: "they are suspended",
    series: [cronJob("spec_suspend", "1x600")],
    at: "7h",
    raised: [overdue],
  },
  {
    alert: "AppBackupOverdue",
    when: "each succeeds soon after it was due",
    series: [
      cronJob("spec_suspend", "0x600"),
      cronJob("status_last_schedule_time", "3600x600"),
      cronJob("status_last_successful_time", "700x65 3700x540"),
      cronJob("next_schedule_time", "90000x600"),
    ],
    at: "7h",
  },
];

const certificate = (metric: string, values: string, labels: Labels = {}): Series => [
  `certmanager_certificate_${metric}_timestamp_seconds`,
  { name: "todo-app", ...labels },
  values,
];
const RENAMED = { namespace: "cert-manager", exported_namespace: NAMESPACE };
const notRenewed = warning(
  { name: "todo-app" },
  "The certificate should have been renewed 3h 0m 0s ago",
);

export const CERTIFICATE_CASES: readonly Case[] = [
  {
    alert: "AppCertificateNotRenewed",
    when: "the time of its renewal has passed",
    series: [certificate("renewal", "3600x600")],
    at: "4h",
    raised: [notRenewed],
  },
  {
    alert: "AppCertificateNotRenewed",
    when: "Prometheus has renamed the label of the namespace",
    series: [certificate("renewal", "3600x600", RENAMED)],
    at: "4h",
    raised: [notRenewed],
  },
  {
    alert: "AppCertificateNotRenewed",
    when: "it will be renewed later, or is not issued yet, or is another stage's",
    series: [
      certificate("renewal", "86400x600"),
      certificate("renewal", "0x600", RENAMED),
      certificate("renewal", "60x600", { namespace: "todo-app-staging" }),
    ],
    at: "4h",
  },
  {
    alert: "AppCertificateExpires",
    when: "little is left, and it was not renewed",
    series: [certificate("renewal", "3600x600"), certificate("expiration", "100800x600")],
    at: "4h",
    raised: [
      critical(
        { name: "todo-app" },
        "The certificate expires in 1d 0h 0m 0s, and its renewal is overdue",
      ),
    ],
  },
  {
    alert: "AppCertificateExpires",
    when: "a certificate for a day is about to be renewed",
    series: [certificate("renewal", "57600x600"), certificate("expiration", "86400x600")],
    at: "4h",
  },
];
