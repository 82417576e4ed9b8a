/** The objects of `monitoring.enabled`, as `render.ts` writes them. */
import { execFileSync } from "node:child_process";
import { parseAllDocuments } from "yaml";

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: { readonly summary: string; readonly runbook_url: string };
}

export interface Group {
  readonly name: string;
  interval?: string;
  readonly rules: readonly Rule[];
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly expr: string }[];
}

export interface Dashboard {
  readonly panels: readonly Panel[];
}

/**
 * Renders in a process of its own: the recorder of the unit tests changes the environment.
 *
 * @param settings keys of the stage to set to other values
 */
export function manifestsOf(stage: string, settings: object = {}) {
  const text = execFileSync(
    "node",
    ["test/monitoring/render.ts", stage, JSON.stringify(settings)],
    { encoding: "utf8" },
  );
  const objects = parseAllDocuments(text).map((document): any => document.toJS());
  const ofKind = (kind: string) => objects.find((object) => object.kind === kind);
  const groups: readonly Group[] = ofKind("PrometheusRule").spec.groups;
  return {
    text,
    podMonitor: ofKind("PodMonitor"),
    groups,
    alerts: groups.flatMap(({ rules }) => rules.filter(({ alert }) => alert)),
    configMap: ofKind("ConfigMap"),
    dashboard: JSON.parse(ofKind("ConfigMap").data["todo-app.json"]) as Dashboard,
  };
}

/** A folder with the programs prometheus and promtool. */
export const prometheusFolder = () =>
  execFileSync("test/monitoring/prometheus.sh", {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  }).trim();

/** What the queries of the app's own pods begin with; all others come from the cluster's exporters. */
const OF_CLUSTER = /^(kube_|kubelet_|certmanager_|cnpg_|barman_cloud_)/;

/** The metrics that a query reads. */
export function metricsIn(expr: string): string[] {
  const withoutText = expr.replace(/"(\\.|[^"\\])*"/g, '""');
  return [...withoutText.matchAll(/([a-zA-Z_:][\w:]*)\{/g)].map(([, name]) => name!);
}

/** Whether a query has an answer without kube-state-metrics, the kubelet and cert-manager. */
export const isOfApp = (expr: string) => !metricsIn(expr).some((name) => OF_CLUSTER.test(name));
