import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { selectorLabels } from "./kubernetes/labels.ts";
import { inNamespace, workload } from "./kubernetes/network.ts";
import { httpProbes, type HealthPaths } from "./kubernetes/probes.ts";
import { createWorkload, workloadMetadata, type WorkloadArgs } from "./workload.ts";

/** Seconds that a leaving pod still serves while the proxies learn of it. */
const PRE_STOP_SECONDS = 5;
/** Seconds from the start of the shutdown to SIGKILL: `PRE_STOP_SECONDS`, the app's own 20 s of draining, and a margin. */
const GRACE_PERIOD_SECONDS = 35;
/** Prometheus metrics, on a port of their own that no route reaches. */
const METRICS_PORT = 9464;
const HEALTH: HealthPaths = { live: "/health/live", ready: "/health/ready" };

export interface WebServiceArgs extends WorkloadArgs {
  /** TCP port of the container and of the Service. */
  readonly port: number;
  /** What the probes ask. @default /health/live and /health/ready */
  readonly health?: HealthPaths;
  /** TCP port of the container's Prometheus metrics, which the setting `METRICS_PORT` tells it. @default 9464 */
  readonly metricsPort?: number;
  /** Namespace whose pods may read the metrics. @default none: nobody may */
  readonly metricsReader?: string;
  /** Whether the pods call each other: at the setting `PEER_URL`, a headless Service that has the address of each. @default false */
  readonly peers?: boolean;
}

/** One HTTP workload: Deployment, Service, ServiceAccount, HPA, PodDisruptionBudget and NetworkPolicy, all named alike. */
export class WebService extends pulumi.ComponentResource {
  /** Name of the Service, known once the pods behind it are ready. */
  readonly service: pulumi.Output<string>;
  /** Where the other pods of the namespace reach it. */
  readonly url: string;

  constructor(name: string, args: WebServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:WebService", name, {}, opts);

    this.url = `http://${name}:${args.port}`;
    const deployment = this.createPods(name, args);
    this.createPeerService(name, args);
    const service = this.createService(name, args);
    this.service = pulumi
      .all([service.metadata.name, deployment.id])
      .apply(([serviceName]) => serviceName);

    this.registerOutputs({ service: this.service });
  }

  private createPods(name: string, args: WebServiceArgs) {
    const metricsPort = args.metricsPort ?? METRICS_PORT;
    const peers = args.peers ? [workload(name, args.port)] : [];
    const readers = args.metricsReader ? [inNamespace(args.metricsReader, metricsPort)] : [];
    const workloadArgs = {
      ...args,
      settings: {
        ...args.settings,
        ...(args.peers && { PEER_URL: `http://${name}-peers:${args.port}` }),
        METRICS_PORT: String(metricsPort),
      },
      callers: [...args.callers, ...readers, ...peers],
      callees: [...args.callees, ...peers],
    };
    const container = {
      ports: [
        { name: "http", containerPort: args.port },
        { name: "metrics", containerPort: metricsPort },
      ],
      ...httpProbes("http", args.health ?? HEALTH),
      lifecycle: { preStop: { sleep: { seconds: PRE_STOP_SECONDS } } },
    };
    const kind = { container, gracePeriodSeconds: GRACE_PERIOD_SECONDS };
    return createWorkload(this, name, workloadArgs, kind);
  }

  private createPeerService(name: string, args: WebServiceArgs) {
    if (!args.peers) return;
    new k8s.core.v1.Service(
      `${name}-peers`,
      {
        metadata: {
          ...workloadMetadata(name, args, { "pulumi.com/skipAwait": "true" }),
          name: `${name}-peers`,
        },
        spec: {
          clusterIP: "None",
          selector: selectorLabels(name),
          ports: [{ name: "http", port: args.port, targetPort: "http" }],
        },
      },
      { parent: this },
    );
  }

  private createService(name: string, args: WebServiceArgs) {
    return new k8s.core.v1.Service(
      name,
      {
        // The Deployment's readiness is what the deploy waits for; waiting for endpoints too would only hide the
        // reason of a failed rollout behind a second time-out.
        metadata: workloadMetadata(name, args, { "pulumi.com/skipAwait": "true" }),
        spec: {
          type: "ClusterIP",
          selector: selectorLabels(name),
          ports: [{ name: "http", port: args.port, targetPort: "http" }],
        },
      },
      { parent: this },
    );
  }
}
