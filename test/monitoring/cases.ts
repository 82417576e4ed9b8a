/** For each alert: time series that raise it, and similar ones that do not. Series are written as promtool reads them. */

const NAMESPACE = "todo-app-dev";
type Labels = Readonly<Record<string, string>>;
/** A time series by its metric and labels, and its values, one a minute. */
type Series = readonly [metric: string, labels: Labels, values: string];

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

const warning = (labels: Labels, summary: string) => ({
  labels: { severity: "warning", ...labels },
  summary,
});
const critical = (labels: Labels, summary: string) => ({
  labels: { severity: "critical", ...labels },
  summary,
});

const served = (job: string, status: string, values: string, route = "/api/tasks"): Series => [
  "http_requests_total",
  { job, pod: `${job}-1`, method: "GET", route, status },
  values,
];
/** Requests that took up to a second, and all of them; Node.js and Python write the bucket in their own way. */
const timed = (job: string, le: string, quick: string, all: string, route: string): Series[] => {
  const labels = { job, pod: `${job}-1`, method: "GET", route };
  return [
    ["http_request_duration_seconds_bucket", { ...labels, le }, quick],
    ["http_request_duration_seconds_count", labels, all],
  ];
};
const up = (job: string, values: string): Series => ["up", { job, pod: `${job}-1` }, values];
const errors = "backend answers 9.091% of the requests with an error (5xx)";
const slow = (job: string) => `${job} answers 50% of the requests in more than 1 s`;

const ofServices: readonly Case[] = [
  {
    alert: "AppDown",
    when: "no pod of a service can be scraped",
    series: [up("frontend", "1x20"), up("backend", "0x20")],
    at: "10m",
    raised: [critical({ job: "backend" }, "Prometheus reaches no pod of backend in todo-app-dev")],
  },
  {
    alert: "AppDown",
    when: "one of two pods answers, and after a short while",
    series: [
      up("frontend", "1x20"),
      ["up", { job: "backend", pod: "backend-1" }, "0x20"],
      ["up", { job: "backend", pod: "backend-2" }, "0 0 0 1x20"],
    ],
    at: "10m",
  },
  {
    alert: "AppErrors",
    when: "a tenth of the requests fails",
    series: [served("backend", "200", "0+100x180"), served("backend", "500", "0+10x180")],
    at: "2h",
    raised: [critical({ job: "backend" }, errors), warning({ job: "backend" }, errors)],
  },
  {
    alert: "AppErrors",
    when: "fewer fail than the budget allows, or few at night, or only probes",
    series: [
      served("backend", "200", "0+2000x180"),
      served("backend", "500", "0+1x180"),
      served("frontend", "200", "0+1x30 30x150"),
      served("frontend", "500", "0+1x5 5x175"),
      served("backend", "503", "0+100x180", "/health/ready"),
    ],
    at: "2h",
  },
  {
    alert: "AppSlow",
    when: "half of the requests takes longer than a second",
    series: [
      ...timed("backend", "1.0", "0+50x180", "0+100x180", "/api/tasks"),
      ...timed("frontend", "1", "0+50x180", "0+100x180", "/"),
    ],
    at: "2h",
    raised: ["backend", "frontend"].flatMap((job) => [
      critical({ job }, slow(job)),
      warning({ job }, slow(job)),
    ]),
  },
  {
    alert: "AppSlow",
    when: "only answers of the assistant take long",
    series: [
      ...timed("backend", "1.0", "0+0x180", "0+100x180", "/api/chat"),
      ...timed("backend", "1.0", "0+100x180", "0+100x180", "/api/tasks"),
    ],
    at: "2h",
  },
  {
    alert: "AppDatabaseConnections",
    when: "all connections of a pod are in use for minutes",
    series: [
      ["db_pool_connections", { job: "backend", pod: "backend-1", state: "in_use" }, "5x20"],
      ["db_pool_size", { job: "backend", pod: "backend-1" }, "5x20"],
    ],
    at: "10m",
    raised: [
      warning(
        { job: "backend", pod: "backend-1" },
        "Every database connection of pod backend-1 has been in use for 5 minutes: requests wait for one",
      ),
    ],
  },
  {
    alert: "AppDatabaseConnections",
    when: "one of them becomes free, or all are idle",
    series: [
      ["db_pool_connections", { job: "backend", pod: "a", state: "in_use" }, "5 5 5 4 5x20"],
      ["db_pool_connections", { job: "backend", pod: "b", state: "idle" }, "5x20"],
      ["db_pool_size", { job: "backend", pod: "a" }, "5x20"],
      ["db_pool_size", { job: "backend", pod: "b" }, "5x20"],
    ],
    at: "8m",
  },
  {
    alert: "AppAssistantFails",
    when: "most answers have failed",
    series: [
      ["todo_assistant_answers_total", { pod: "a", outcome: "failed" }, "0+3x60"],
      ["todo_assistant_answers_total", { pod: "a", outcome: "answered" }, "0+1x60"],
    ],
    at: "30m",
    raised: [warning({}, "75% of the assistant's answers have failed")],
  },
  {
    alert: "AppAssistantFails",
    when: "users have used up their tokens",
    series: [
      ["todo_assistant_answers_total", { pod: "a", outcome: "failed" }, "0x60"],
      ["todo_assistant_answers_total", { pod: "a", outcome: "limited" }, "0+9x60"],
      ["todo_assistant_answers_total", { pod: "a", outcome: "answered" }, "0+1x60"],
    ],
    at: "30m",
  },
];

const restarted = (container: string, values: string, namespace = NAMESPACE): Series => [
  "kube_pod_container_status_restarts_total",
  { namespace, pod: `${container}-1`, container },
  values,
];
const scaled = (name: string, current: string): Series[] => [
  [
    "kube_horizontalpodautoscaler_status_current_replicas",
    { horizontalpodautoscaler: name },
    current,
  ],
  ["kube_horizontalpodautoscaler_spec_max_replicas", { horizontalpodautoscaler: name }, "10x60"],
];
const quota = (resource: string, used: string, hard: string): Series[] => [
  ["kube_resourcequota", { resourcequota: "todo-app", resource, type: "used" }, used],
  ["kube_resourcequota", { resourcequota: "todo-app", resource, type: "hard" }, hard],
];
const volume = (persistentvolumeclaim: string, used: string): Series[] => [
  ["kubelet_volume_stats_used_bytes", { persistentvolumeclaim, node: "a" }, used],
  ["kubelet_volume_stats_capacity_bytes", { persistentvolumeclaim, node: "a" }, "1000x60"],
];
const full = (name: string, share: string) => `The volume ${name} is ${share} full`;

const ofCluster: readonly Case[] = [
  {
    alert: "AppRestarts",
    when: "a container is restarted three times in an hour",
    series: [restarted("backend", "0x30 1x5 2x5 3x50")],
    at: "80m",
    raised: [
      warning(
        { pod: "backend-1", container: "backend" },
        "backend of pod backend-1 was restarted 3 times in an hour",
      ),
    ],
  },
  {
    alert: "AppRestarts",
    when: "it is restarted once, or in another namespace",
    series: [restarted("backend", "0x40 1x50"), restarted("other", "0+1x90", "elsewhere")],
    at: "80m",
  },
  {
    alert: "AppAutoscalerAtMaximum",
    when: "an autoscaler can't add pods any more",
    series: scaled("backend", "10x60"),
    at: "30m",
    raised: [
      warning(
        { horizontalpodautoscaler: "backend" },
        "backend has had its largest number of pods, 10, for 15 minutes",
      ),
    ],
  },
  {
    alert: "AppAutoscalerAtMaximum",
    when: "it has room, or has just come to its maximum",
    series: [...scaled("backend", "9x60"), ...scaled("frontend", "2x20 10x40")],
    at: "30m",
  },
  {
    alert: "AppQuotaNearlyUsed",
    when: "more than 80 % of a resource is in use",
    series: [...quota("pods", "210x60", "250x60"), ...quota("limits.memory", "1x60", "10x60")],
    at: "30m",
    raised: [
      warning(
        { resourcequota: "todo-app", resource: "pods" },
        "84% of the quota of pods is in use",
      ),
    ],
  },
  {
    alert: "AppQuotaNearlyUsed",
    when: "80 % is in use, or the resource is forbidden",
    series: [...quota("pods", "200x60", "250x60"), ...quota("services.nodeports", "0x60", "0x60")],
    at: "30m",
  },
  {
    alert: "AppVolumeNearlyFull",
    when: "a volume is filled, and worse when almost nothing is left",
    series: [...volume("backups", "850x60"), ...volume("postgres-data", "960x60")],
    at: "30m",
    raised: [
      warning({ persistentvolumeclaim: "backups" }, full("backups", "85%")),
      warning({ persistentvolumeclaim: "postgres-data" }, full("postgres-data", "96%")),
      critical({ persistentvolumeclaim: "postgres-data" }, full("postgres-data", "96%")),
    ],
  },
  {
    alert: "AppVolumeNearlyFull",
    when: "a volume has room",
    series: volume("backups", "790x60"),
    at: "30m",
  },
];

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

const ofJobs: readonly Case[] = [
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

const ofCertificate: readonly Case[] = [
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

export const CASES: readonly Case[] = [...ofServices, ...ofCluster, ...ofJobs, ...ofCertificate];
