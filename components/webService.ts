import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { selectorLabels } from "./kubernetes/labels.ts";
import { DEVELOPMENT, METRICS_PORT_NAME } from "./kubernetes/names.ts";
import { inNamespace, serviceUrl, workload } from "./kubernetes/network.ts";
import { developmentProbes, httpProbes, type HealthPaths } from "./kubernetes/probes.ts";
import { WRITABLE_PATHS, createWorkload, workloadMetadata, type WorkloadArgs } from "./workload.ts";

/** Seconds that a terminating pod keeps serving, until the proxies have learned that it is terminating. */
const PRE_STOP_SECONDS = 5;
/** Seconds from the start of the shutdown to SIGKILL: `PRE_STOP_SECONDS`, the app's own 20 s of draining, and a margin. */
const GRACE_PERIOD_SECONDS = 35;
/** Port for Prometheus metrics. It is not the app's port, so that no public route reaches the metrics. */
const METRICS_PORT = 9464;
const HEALTH: HealthPaths = { live: "/health/live", ready: "/health/ready" };
/** Where a program in development keeps its sources and what it makes of them. */
const DEVELOPMENT_FOLDER = { path: "/app/development", mebibytes: 1024 };

/** Name of the headless Service that resolves to every pod of a web service with `peers`. */
export const peerService = (name: string): string => `${name}-peers`;

/** URL of that Service. */
export const peerUrl = (name: string, port: number): string =>
  serviceUrl(workload(peerService(name), port));

export interface WebServiceArgs extends WorkloadArgs {
  /** TCP port of the container and of the Service. */
  readonly port: number;
  /** Paths that the probes request. @default /health/live and /health/ready */
  readonly health?: HealthPaths;
  /** TCP port of the container's Prometheus metrics; the container gets it as `METRICS_PORT`. @default 9464 */
  readonly metricsPort?: number;
  /** Namespace whose pods may read the metrics. @default none: nobody may */
  readonly metricsReader?: string;
  /**
   * Whether the pods call each other. If so, the setting `PEER_URL` names a headless Service, which resolves to the
   * address of every pod.
   * @default false
   */
  readonly peers?: boolean;
  /**
   * Whether the image is one for development, whose program serves sources that change while it runs. It keeps them in
   * `/app/development`, and is never restarted because it does not answer.
   * @default false
   */
  readonly development?: boolean;
}

/**
 * One HTTP workload: Deployment, Service, ServiceAccount, HPA, PodDisruptionBudget and NetworkPolicy, all named alike. The
 * ConfigMap is auto-named, and the Service of `peers` is `<name>-peers`.
 */
export class WebService extends pulumi.ComponentResource {
  /** Name of the Service. It resolves once the Deployment's pods are ready. */
  readonly service: pulumi.Output<string>;
  /** URL under which other pods of the namespace reach the Service. */
  readonly url: string;
  /** Virtual address of the Service inside the cluster. */
  readonly clusterIP: pulumi.Output<string>;

  constructor(name: string, args: WebServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:WebService", name, {}, opts);

    this.url = serviceUrl(workload(name, args.port));
    const deployment = this.createPods(name, args);
    this.createPeerService(name, args);
    const service = this.createService(name, args);
    this.clusterIP = service.spec.clusterIP;
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
        ...(args.peers && { PEER_URL: peerUrl(name, args.port) }),
        METRICS_PORT: String(metricsPort),
      },
      callers: [...args.callers, ...readers, ...peers],
      callees: [...args.callees, ...peers],
      ...(args.development && {
        writablePaths: [...(args.writablePaths ?? WRITABLE_PATHS), DEVELOPMENT_FOLDER],
      }),
    };
    const probes = args.development ? developmentProbes : httpProbes;
    const container = {
      ports: [
        { name: "http", containerPort: args.port },
        { name: METRICS_PORT_NAME, containerPort: metricsPort },
      ],
      ...probes("http", args.health ?? HEALTH),
      lifecycle: { preStop: { sleep: { seconds: PRE_STOP_SECONDS } } },
    };
    const shape = {
      container,
      gracePeriodSeconds: GRACE_PERIOD_SECONDS,
      ...(args.development && { annotations: { [DEVELOPMENT]: "true" } }),
    };
    return createWorkload(this, name, workloadArgs, shape);
  }

  private createPeerService(name: string, args: WebServiceArgs) {
    if (!args.peers) return;
    new k8s.core.v1.Service(
      `${name}-peers`,
      {
        metadata: {
          ...workloadMetadata(name, args, { "pulumi.com/skipAwait": "true" }),
          name: peerService(name),
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
        // No wait for the Service: the deploy already waits for the Deployment. Waiting for endpoints too would only
        // hide the reason of a failed rollout behind a second time-out.
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
