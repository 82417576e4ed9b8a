import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { APP_LABELS, NAME_LABEL, objectLabels } from "./kubernetes/labels.ts";
import { DATABASE_WORKLOAD, METRICS_PORT_NAME } from "./kubernetes/names.ts";
import { alertsOf, type Alert } from "./monitoring/alerts.ts";
import { dashboardJson, type Variable } from "./monitoring/dashboard.ts";
import { objectiveAlertsOf, recordingsOf } from "./monitoring/objectives.ts";
import { panelsOf, type Panel } from "./monitoring/panels.ts";
import { scopeOf, type Scope } from "./monitoring/scope.ts";

const OBJECT_NAME = "todo-app";
const API_VERSION = "monitoring.coreos.com/v1";
const SCRAPE_INTERVAL = "30s";

/** What to watch of one app beyond what holds for every app. */
export interface AppMonitoring {
  readonly alerts: readonly Alert[];
  readonly panels: readonly Panel[];
  /** Numbers that the queries of `panels` use. */
  readonly variables: readonly Variable[];
}

export interface MonitoringArgs extends Pick<
  Scope,
  "services" | "certificate" | "backup" | "archive"
> {
  readonly namespace: pulumi.Input<string>;
  /** Labels by which the Prometheus of the cluster finds PodMonitors and PrometheusRules. */
  readonly labels: Readonly<Record<string, string>>;
  /** Labels by which the sidecar of Grafana finds dashboards. */
  readonly dashboardLabels: Readonly<Record<string, string>>;
  /** Address of the runbooks; the name of an alert in lower case is a heading there. */
  readonly runbooks: string;
  /** @default nothing beyond what holds for every app */
  readonly app?: (scope: Scope) => AppMonitoring;
}

/**
 * Tells an existing prometheus-operator and Grafana what to watch: a PodMonitor, a PrometheusRule and a dashboard. The pods
 * let Prometheus in by the `metricsReader` of `WebService`.
 */
export class Monitoring extends pulumi.ComponentResource {
  constructor(name: string, args: MonitoringArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:Monitoring", name, {}, opts);

    this.createPodMonitor(`${name}-pods`, args);
    this.createRules(`${name}-rules`, args);
    this.createDashboard(`${name}-dashboard`, args);

    this.registerOutputs({});
  }

  private metadata(args: MonitoringArgs, name: string, labels: MonitoringArgs["labels"]) {
    return {
      namespace: args.namespace,
      name,
      labels: { ...labels, ...objectLabels("monitoring") },
    };
  }

  /** The pods themselves, because no Service has the port of the metrics. */
  private createPodMonitor(name: string, args: MonitoringArgs) {
    // The servers of CloudNativePG have the metrics of its backups, on a port of the same name.
    const values = [...args.services, ...(args.archive ? [DATABASE_WORKLOAD] : [])];
    new k8s.apiextensions.CustomResource(
      name,
      {
        apiVersion: API_VERSION,
        kind: "PodMonitor",
        metadata: this.metadata(args, OBJECT_NAME, args.labels),
        spec: {
          jobLabel: NAME_LABEL,
          selector: {
            matchLabels: APP_LABELS,
            matchExpressions: [{ key: NAME_LABEL, operator: "In", values }],
          },
          podMetricsEndpoints: [{ port: METRICS_PORT_NAME, interval: SCRAPE_INTERVAL }],
        },
      },
      { parent: this },
    );
  }

  private createRules(name: string, args: MonitoringArgs) {
    const groups = pulumi.output(args.namespace).apply((namespace) => {
      const scope = scopeOf(namespace, args);
      const alerts = [
        ...objectiveAlertsOf(scope),
        ...alertsOf(scope),
        ...(args.app?.(scope).alerts ?? []),
      ];
      return [
        { name: `${OBJECT_NAME}-objectives`, interval: "1m", rules: recordingsOf(scope) },
        { name: OBJECT_NAME, rules: alerts.map((alert) => alertRule(alert, namespace, args)) },
      ];
    });
    new k8s.apiextensions.CustomResource(
      name,
      {
        apiVersion: API_VERSION,
        kind: "PrometheusRule",
        metadata: this.metadata(args, OBJECT_NAME, args.labels),
        spec: { groups },
      },
      { parent: this },
    );
  }

  private createDashboard(name: string, args: MonitoringArgs) {
    const json = pulumi.output(args.namespace).apply((namespace) => {
      const scope = scopeOf(namespace, args);
      const app = args.app?.(scope);
      const panels = [...panelsOf(scope), ...(app?.panels ?? [])];
      return dashboardJson(namespace, panels, app?.variables ?? []);
    });
    const metadata = this.metadata(args, `${OBJECT_NAME}-dashboard`, args.dashboardLabels);
    new k8s.core.v1.ConfigMap(
      name,
      { metadata, data: { "todo-app.json": json } },
      { parent: this },
    );
  }
}

function alertRule(alert: Alert, namespace: string, { runbooks }: MonitoringArgs) {
  const { name, severity, summary, labels, ...rule } = alert;
  return {
    alert: name,
    ...rule,
    labels: { severity, namespace, ...labels },
    annotations: { summary, runbook_url: `${runbooks}#${name.toLowerCase()}` },
  };
}
