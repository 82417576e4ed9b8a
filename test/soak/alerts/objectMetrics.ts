/**
 * Stands in for kube-state-metrics, whose Go module can't be had where these tests run: the metrics that the alerts read, with its
 * names, labels and values as it documents them, from the objects in the API server
 * (https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics). What the real program does otherwise, no test here sees.
 * It leaves out `kube_cronjob_next_schedule_time`, for which it would have to know what a schedule means.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { quantityOf } from "../../../components/kubernetes/resources.ts";

/** A time series without its namespace. */
type Series = readonly [metric: string, labels: Readonly<Record<string, string>>, value: number];

const timeOf = (text: string) => Date.parse(text) / 1000;

function pod({ metadata, status }: any): Series[] {
  const { name, uid } = metadata;
  return (status.containerStatuses ?? []).map((container: any) => [
    "kube_pod_container_status_restarts_total",
    { pod: name, uid, container: container.name },
    container.restartCount,
  ]);
}

function job({ metadata, status }: any): Series[] {
  const labels = { job_name: metadata.name };
  const failed = (status.conditions ?? []).find(({ type }: any) => type === "Failed");
  return [
    ...(status.startTime
      ? [["kube_job_status_start_time", labels, timeOf(status.startTime)] as const]
      : []),
    ...(failed
      ? ["true", "false", "unknown"].map((condition): Series => [
          "kube_job_failed",
          { ...labels, condition },
          failed.status.toLowerCase() === condition ? 1 : 0,
        ])
      : []),
  ];
}

function cronJob({ metadata, spec, status }: any): Series[] {
  const times = {
    created: metadata.creationTimestamp,
    status_last_schedule_time: status.lastScheduleTime,
    status_last_successful_time: status.lastSuccessfulTime,
  };
  const labels = { cronjob: metadata.name };
  return [
    ["kube_cronjob_spec_suspend", labels, spec.suspend ? 1 : 0],
    ...Object.entries(times)
      .filter(([, time]) => time)
      .map(([name, time]): Series => [`kube_cronjob_${name}`, labels, timeOf(time)]),
  ];
}

function autoscaler({ metadata, spec, status }: any): Series[] {
  const [prefix, labels] = [
    "kube_horizontalpodautoscaler",
    { horizontalpodautoscaler: metadata.name },
  ];
  return [
    [`${prefix}_spec_max_replicas`, labels, spec.maxReplicas],
    [`${prefix}_status_current_replicas`, labels, status.currentReplicas ?? 0],
  ];
}

const quota = ({ metadata, status }: any): Series[] =>
  ["hard", "used"].flatMap((type) =>
    Object.entries<string>(status[type] ?? {}).map(([resource, quantity]): Series => [
      "kube_resourcequota",
      { resourcequota: metadata.name, resource, type },
      quantityOf(quantity),
    ]),
  );

/** What is made of the objects of each collection of the API. */
const COLLECTIONS: readonly (readonly [group: string, name: string, of: (o: any) => Series[]])[] = [
  ["api/v1", "pods", pod],
  ["api/v1", "resourcequotas", quota],
  ["apis/batch/v1", "jobs", job],
  ["apis/batch/v1", "cronjobs", cronJob],
  ["apis/autoscaling/v2", "horizontalpodautoscalers", autoscaler],
];

/** @param api address of the API server, which asks for no credentials */
async function metricsOf(api: string, namespace: string): Promise<string> {
  const parts = COLLECTIONS.map(async ([group, name, of]) => {
    const answer = await fetch(`${api}/${group}/namespaces/${namespace}/${name}`);
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    const { items } = (await answer.json()) as { items: any[] };
    return items.flatMap(of);
  });
  const lines = (await Promise.all(parts)).flat().map(([metric, labels, value]) => {
    const pairs = Object.entries({ namespace, ...labels }).map(([key, text]) => `${key}="${text}"`);
    return `${metric}{${pairs.join(",")}} ${value}\n`;
  });
  return lines.join("");
}

/** Serves the metrics of a namespace; each scrape reads the objects anew. @returns also its address, without a scheme */
export async function serveObjectMetrics(
  api: string,
  namespace: string,
): Promise<{ readonly server: Server; readonly address: string }> {
  const server = createServer((_request, response) => {
    metricsOf(api, namespace).then(
      (text) => response.writeHead(200, { "Content-Type": "text/plain; version=0.0.4" }).end(text),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}
