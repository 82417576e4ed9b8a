import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ImageReference } from "./containerImage.ts";
import { waitBeyond } from "./kubernetes/deadlines.ts";
import { objectLabels, selectorLabels } from "./kubernetes/labels.ts";
import { policySpec, workload, type Peer } from "./kubernetes/network.ts";
import { antiAffinity, topologySpread, type Placement } from "./kubernetes/placement.ts";
import { restrictedPod, type SecretFiles } from "./kubernetes/podSecurity.ts";
import { httpProbes } from "./kubernetes/probes.ts";
import type { ContainerResources } from "./kubernetes/resources.ts";

/** Seconds that a leaving pod still serves while the proxies learn of it. */
const PRE_STOP_SECONDS = 5;
/** Seconds from the start of the shutdown to SIGKILL: `PRE_STOP_SECONDS`, the app's own 20 s of draining, and a margin. */
const GRACE_PERIOD_SECONDS = 35;
/** Seconds that a pod must stay ready before the rollout takes the next one: one that fails on its first requests stops it. */
const MIN_READY_SECONDS = 2;
/** Prometheus metrics, on a port of their own that no route reaches. */
export const METRICS_PORT = 9464;

/**
 * A HorizontalPodAutoscaler leaves `spec.replicas` to the controller manager's name, and the API server would refuse the count
 * of a stage that has none any more as a conflict. So every field that the Deployment states is taken over by force, the count
 * among them; fields that it does not state stay whose they are. Not with an autoscaler, whose count is never sent.
 */
const TAKE_OVER = { "pulumi.com/patchForce": "true" };

export interface WebServiceArgs {
  readonly namespace: pulumi.Input<string>;
  readonly image: ImageReference;
  /** TCP port of the container and of the Service. */
  readonly port: number;
  /** User of the image. */
  readonly userId: number;
  /** Pods; with `autoscaling` only the first rollout's count. */
  readonly replicas: number;
  /** HorizontalPodAutoscaler; `targetCPUUtilization` in % of the CPU request. @default a fixed count */
  readonly autoscaling?: {
    readonly minReplicas: number;
    readonly maxReplicas: number;
    readonly targetCPUUtilization: number;
  };
  readonly resources: ContainerResources;
  readonly placement: Placement;
  /** Environment variables for the ConfigMap; a change rolls the pods. */
  readonly settings: Readonly<Record<string, pulumi.Input<string>>>;
  /** Secret whose keys become files; a new name rolls the pods. */
  readonly secrets: SecretFiles;
  /** Secret with the login of the image's registry. @default none: the nodes may pull */
  readonly pullSecret?: pulumi.Input<string>;
  /** PriorityClass. @default the cluster's default */
  readonly priorityClassName?: string;
  /** Directories that the container writes to. */
  readonly writablePaths: readonly string[];
  /** Who may call this service. */
  readonly callers: readonly Peer[];
  /** Whom this service may call. */
  readonly callees: readonly Peer[];
  /** Whether the pods call each other: each one is then found under the headless Service `<name>-peers`. @default false */
  readonly peers?: boolean;
  /** How long a rollout may take before the deploy fails, in seconds. */
  readonly rolloutTimeoutSeconds: number;
}

/** One HTTP workload: Deployment, Service, ServiceAccount, HPA, PodDisruptionBudget and NetworkPolicy, all named alike. */
export class WebService extends pulumi.ComponentResource {
  /** Name of the Service, known once the pods behind it are ready. */
  readonly service: pulumi.Output<string>;

  constructor(name: string, args: WebServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:WebService", name, {}, opts);

    const policy = this.createNetworkPolicy(name, args);
    const account = this.createServiceAccount(name, args);
    const settings = this.createSettings(name, args);
    const deployment = this.createDeployment(name, args, account, settings, policy);
    this.createAutoscaler(name, args, deployment);
    this.createDisruptionBudget(name, args);
    this.createPeerService(name, args);
    const service = this.createService(name, args);
    this.service = pulumi
      .all([service.metadata.name, deployment.id])
      .apply(([serviceName]) => serviceName);

    this.registerOutputs({ service: this.service });
  }

  private metadata(name: string, args: WebServiceArgs, annotations?: Record<string, string>) {
    return { namespace: args.namespace, name, labels: objectLabels(name), annotations };
  }

  private createNetworkPolicy(name: string, args: WebServiceArgs) {
    const peers = args.peers ? [workload(name, args.port)] : [];
    const spec = policySpec(name, [...args.callers, ...peers], [...args.callees, ...peers]);
    return new k8s.networking.v1.NetworkPolicy(
      name,
      { metadata: this.metadata(name, args), spec },
      { parent: this },
    );
  }

  /** An account of its own without any role: nothing that the pod runs can read a Secret through the API. */
  private createServiceAccount(name: string, args: WebServiceArgs) {
    return new k8s.core.v1.ServiceAccount(
      name,
      { metadata: this.metadata(name, args), automountServiceAccountToken: false },
      { parent: this },
    );
  }

  /** Auto-named: a change makes a new object, which rolls the pods; the old one lives until the rollout ends. */
  private createSettings(name: string, args: WebServiceArgs) {
    return new k8s.core.v1.ConfigMap(
      name,
      {
        metadata: { namespace: args.namespace, labels: objectLabels(name) },
        data: { ...args.settings, METRICS_PORT: String(METRICS_PORT) },
      },
      { parent: this },
    );
  }

  private createDeployment(
    name: string,
    args: WebServiceArgs,
    account: k8s.core.v1.ServiceAccount,
    settings: k8s.core.v1.ConfigMap,
    policy: k8s.networking.v1.NetworkPolicy,
  ) {
    const container = {
      name,
      image: args.image.reference,
      imagePullPolicy: args.image.pullPolicy,
      envFrom: [{ configMapRef: { name: settings.metadata.name } }],
      ports: [
        { name: "http", containerPort: args.port },
        { name: "metrics", containerPort: METRICS_PORT },
      ],
      resources: args.resources,
      ...httpProbes("http"),
      lifecycle: { preStop: { sleep: { seconds: PRE_STOP_SECONDS } } },
    };
    const { userId, secrets, pullSecret, priorityClassName, writablePaths } = args;
    const serviceAccountName = account.metadata.name;
    return new k8s.apps.v1.Deployment(
      name,
      {
        metadata: this.metadata(name, args, {
          ...waitBeyond(args.rolloutTimeoutSeconds),
          ...(!args.autoscaling && TAKE_OVER),
        }),
        spec: {
          replicas: args.replicas,
          revisionHistoryLimit: 5,
          minReadySeconds: MIN_READY_SECONDS,
          progressDeadlineSeconds: args.rolloutTimeoutSeconds,
          selector: { matchLabels: selectorLabels(name) },
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
          template: {
            metadata: {
              labels: objectLabels(name),
              annotations: { "todo-app/image-revision": args.image.revision },
            },
            spec: {
              ...restrictedPod({
                userId,
                container,
                serviceAccountName,
                secrets,
                pullSecret,
                priorityClassName,
                writablePaths,
              }),
              terminationGracePeriodSeconds: GRACE_PERIOD_SECONDS,
              topologySpreadConstraints: topologySpread(name, args.placement),
              affinity: antiAffinity(name, args.placement),
            },
          },
        },
      },
      {
        parent: this,
        dependsOn: policy,
        // The HorizontalPodAutoscaler owns the count: sending it again would undo the scaling on every deploy
        // (https://github.com/pulumi/pulumi-kubernetes/issues/2491).
        ignoreChanges: args.autoscaling ? ["spec.replicas"] : [],
      },
    );
  }

  private createAutoscaler(name: string, args: WebServiceArgs, deployment: k8s.apps.v1.Deployment) {
    if (!args.autoscaling) return;
    const { minReplicas, maxReplicas, targetCPUUtilization } = args.autoscaling;
    new k8s.autoscaling.v2.HorizontalPodAutoscaler(
      name,
      {
        metadata: this.metadata(name, args),
        spec: {
          scaleTargetRef: {
            apiVersion: "apps/v1",
            kind: "Deployment",
            name: deployment.metadata.name,
          },
          minReplicas,
          maxReplicas,
          metrics: [
            {
              type: "Resource",
              resource: {
                name: "cpu",
                target: { type: "Utilization", averageUtilization: targetCPUUtilization },
              },
            },
          ],
          behavior: {
            scaleUp: { stabilizationWindowSeconds: 0 },
            // Five quiet minutes before pods go: a lull between two waves of requests costs no capacity.
            scaleDown: {
              stabilizationWindowSeconds: 300,
              policies: [{ type: "Percent", value: 50, periodSeconds: 60 }],
            },
          },
        },
      },
      { parent: this },
    );
  }

  /** One pod at a time, whatever the count: node drains never block, and with two pods or more the others serve. */
  private createDisruptionBudget(name: string, args: WebServiceArgs) {
    new k8s.policy.v1.PodDisruptionBudget(
      name,
      {
        metadata: this.metadata(name, args),
        spec: {
          maxUnavailable: 1,
          selector: { matchLabels: selectorLabels(name) },
          // A pod that never became ready must not keep its node from being drained.
          unhealthyPodEvictionPolicy: "AlwaysAllow",
        },
      },
      { parent: this },
    );
  }

  private createPeerService(name: string, args: WebServiceArgs) {
    if (!args.peers) return;
    new k8s.core.v1.Service(
      `${name}-peers`,
      {
        metadata: {
          ...this.metadata(name, args, { "pulumi.com/skipAwait": "true" }),
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
        metadata: this.metadata(name, args, { "pulumi.com/skipAwait": "true" }),
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
