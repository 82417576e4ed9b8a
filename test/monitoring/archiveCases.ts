/** Alerts about the backups of a CloudNativePG cluster, by the metrics of its servers and of the plugin that makes them. */
import { critical, warning, type Case, type Labels, type Series } from "./case.ts";

const PODS: readonly Labels[] = [
  { pod: "postgres-1", job: "postgres" },
  { pod: "postgres-2", job: "postgres" },
];
/** A metric as every server has it. */
const backups = (name: string, values: string): Series[] =>
  PODS.map((pod) => [`barman_cloud_cloudnative_pg_io_${name}`, pod, values]);
const newest = (values: string) => backups("last_available_backup_timestamp", values);
const failed = (values: string) => backups("last_failed_backup_timestamp", values);
/** The write-ahead log of the primary; a standby has no such metric. */
const log = (name: string, values: string): Series => [
  `cnpg_pg_stat_archiver_${name}`,
  PODS[0]!,
  values,
];
const overdue = critical({}, "The newest backup is older than the schedule of backups says");

export const ARCHIVE_CASES: readonly Case[] = [
  {
    alert: "AppBackupFailed",
    when: "one has failed after the last success",
    series: [...newest("300x60"), ...failed("600x60")],
    at: "15m",
    raised: [warning({}, "A backup has failed, and none has succeeded since")],
  },
  {
    alert: "AppBackupFailed",
    when: "one has succeeded since, or none has failed",
    series: [...newest("900x60"), ...failed("600x60")],
    at: "30m",
  },
  {
    alert: "AppBackupOverdue",
    when: "the newest one is hours older than those of each day",
    series: newest("60x2000"),
    at: "30h",
    raised: [overdue],
  },
  {
    alert: "AppBackupOverdue",
    when: "there is none yet, and nobody makes one",
    series: newest("0x2000"),
    at: "30h",
    raised: [overdue],
  },
  {
    alert: "AppBackupOverdue",
    when: "nobody knows, because no server has the metric",
    series: [],
    at: "6h",
    raised: [overdue],
  },
  {
    alert: "AppBackupOverdue",
    when: "there was one in the last day",
    series: newest("60x1400 84000x600"),
    at: "30h",
  },
  {
    alert: "AppArchiveFails",
    when: "no part was sent since one could not be sent",
    series: [log("last_archived_time", "60x60"), log("last_failed_time", "120x60")],
    at: "30m",
    raised: [
      critical(
        {},
        "The write-ahead log can't be archived: it fills the volume, and what is written now is in no backup",
      ),
    ],
  },
  {
    alert: "AppArchiveFails",
    when: "it was sent at another try, or never failed",
    series: [log("last_archived_time", "180x60"), log("last_failed_time", "-1x10 120x50")],
    at: "30m",
  },
];
