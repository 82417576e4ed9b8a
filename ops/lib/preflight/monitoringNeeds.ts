/** What `monitoring.enabled` needs of the cluster: the prometheus-operator's API, and a Prometheus that selects the stage. */
import type { Stage as Configuration } from "../../../config/schema.ts";
import { itemsOf, type Cluster } from "./clusterApi.ts";
import { unlessFound, type Check, type Finding } from "./findings.ts";
import { addon, helm } from "./installs.ts";

const API = "/apis/monitoring.coreos.com/v1";
const RESOURCES = ["podmonitors", "prometheusrules"];

/** The operator with Prometheus, kube-state-metrics and Grafana. */
const operator = (cluster: Cluster, namespace: string) =>
  addon(
    cluster,
    undefined,
    helm(
      cluster,
      "prometheus kube-prometheus-stack --repo https://prometheus-community.github.io/helm-charts --version 88.5.0",
      namespace,
      [],
    ),
  );

interface Prometheus {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: Readonly<
    Record<string, { readonly matchLabels?: Readonly<Record<string, string>> }>
  >;
}

/** Objects without the labels of its selectors are ignored by the operator, which reports that nowhere. */
function unselected(prometheus: Prometheus, labels: readonly string[]): Finding[] {
  const { metadata, spec } = prometheus;
  const wanted = ["podMonitorSelector", "ruleSelector"].flatMap((selector) =>
    Object.entries(spec[selector]?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`),
  );
  const missing = [...new Set(wanted)].filter((label) => !labels.includes(label));
  if (!missing.length) return [];
  const who = `Prometheus ${metadata.name} of namespace ${metadata.namespace}`;
  return [
    {
      warning: `${who} ignores this stage: it selects objects with ${missing.join(", ")}, which todo-app:monitoring.labels does not have`,
    },
  ];
}

export const monitoringOperator: Check = async (
  { monitoring }: Configuration,
  cluster: Cluster,
): Promise<readonly Finding[]> => {
  if (!monitoring.enabled) return [];
  const reading = await cluster.read(API);
  const missing = `the prometheus-operator's PodMonitors and PrometheusRules (${API.slice(6)}), which todo-app:monitoring.enabled needs`;
  const install = operator(cluster, monitoring.namespace);
  if (reading.state !== "found") return unlessFound(reading, missing, install);
  const { resources } = reading.object as { resources: readonly { readonly name: string }[] };
  const served = resources.map(({ name }) => name);
  if (!RESOURCES.every((name) => served.includes(name))) return [{ missing, fix: install }];
  const all = itemsOf(await cluster.read(`${API}/prometheuses`)) as readonly Prometheus[];
  return all
    .filter(({ metadata }) => metadata.namespace === monitoring.namespace)
    .flatMap((prometheus) => unselected(prometheus, monitoring.labels));
};
