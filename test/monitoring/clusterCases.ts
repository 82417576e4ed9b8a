/** Alerts about pods, autoscaling, quota and volumes, by the metrics of kube-state-metrics and the kubelet. */
import { NAMESPACE, critical, warning, type Case, type Series } from "./case.ts";

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

export const CLUSTER_CASES: readonly Case[] = [
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
    alert: "AppRestarts",
    when: "it is restarted twice, and nothing was scraped for half a minute",
    series: [restarted("backend", "0x30 1x10 2x50")],
    at: "80m30s",
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
