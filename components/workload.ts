/** What web services and workers have in common: Deployment, ServiceAccount, HPA, PodDisruptionBudget and NetworkPolicy. */
import * as k8s from "@pulumi/kubernetes";
import type { types } from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ImageReference } from "./containerImage.ts";
import { waitBeyond } from "./kubernetes/deadlines.ts";
import { objectLabels, selectorLabels } from "./kubernetes/labels.ts";
import { policySpec, type Peer } from "./kubernetes/network.ts";
import { antiAffinity, topologySpread, type Placement } from "./kubernetes/placement.ts";
import {
  USER_ID,
  restrictedPod,
  type SecretFiles,
  type WritablePath,
} from "./kubernetes/podSecurity.ts";
import type { ContainerResources } from "./kubernetes/resources.ts";

/**
 * Seconds that a new pod must stay ready before the rollout goes on. A pod that fails on its first requests thus stops
 * the rollout.
 */
const MIN_READY_SECONDS = 2;

/**
 * Makes the deploy the owner of every field that the Deployment states. It is needed when a stage gives up autoscaling: the
 * controller manager then still owns `spec.replicas`, which it set for the autoscaler, and the API server would refuse the
 * stage's own count as a conflict. Fields that the Deployment does not state keep their owners. It is not set with an
 * autoscaler: after the creation, `ignoreChanges` keeps the count from being sent.
 */
const TAKE_OWNERSHIP = { "pulumi.com/patchForce": "true" };

export interface WorkloadArgs {
  readonly namespace: pulumi.Input<string>;
  readonly image: ImageReference;
  /** User of the image. @default 10001 */
  readonly userId?: number;
  /** Number of pods; with `autoscaling`, only of the first rollout. */
  readonly replicas: number;
  /**
   * Settings of the HorizontalPodAutoscaler; `targetCPUUtilization` is in % of the CPU request.
   * @default a fixed count
   */
  readonly autoscaling?: {
    readonly minReplicas: number;
    readonly maxReplicas: number;
    readonly targetCPUUtilization: number;
  };
  readonly resources: ContainerResources;
  readonly placement: Placement;
  /** Environment variables of the container, stored in a ConfigMap; a change rolls the pods. @default none */
  readonly settings?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Secret whose keys become files; a new name rolls the pods. @default none */
  readonly secrets?: SecretFiles;
  /** Secret with the login of the image's registry. @default none: the nodes may pull */
  readonly pullSecret?: pulumi.Input<string>;
  /** PriorityClass. @default the cluster's default */
  readonly priorityClassName?: string;
  /** Directories that the container writes to. @default /tmp */
  readonly writablePaths?: readonly WritablePath[];
  /** Peers that may call this workload. */
  readonly callers: readonly Peer[];
  /** Peers that this workload may call. */
  readonly callees: readonly Peer[];
  /** How long a rollout may take before the deploy fails, in seconds. */
  readonly rolloutTimeoutSeconds: number;
}

/** What differs between the kinds of workload. */
interface PodShape {
  /** Ports, probes and lifecycle of the container. */
  readonly container: Pick<
    types.input.core.v1.Container,
    "ports" | "lifecycle" | "startupProbe" | "livenessProbe" | "readinessProbe"
  >;
  /** Seconds from the start of a pod's shutdown to SIGKILL. */
  readonly gracePeriodSeconds: number;
  /** Annotations of the pods. @default none but that of the image */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Where a container may write that states nothing else. */
export const WRITABLE_PATHS: readonly WritablePath[] = ["/tmp"];

type Parent = { readonly parent: pulumi.ComponentResource };

/** Metadata of an object that has the same name as its workload. */
export const workloadMetadata = (
  name: string,
  { namespace }: Pick<WorkloadArgs, "namespace">,
  annotations?: Record<string, string>,
) => ({ namespace, name, labels: objectLabels(name), annotations });

/** Creates the objects of one workload as children of `parent`, all with the same name. */
export function createWorkload(
  parent: pulumi.ComponentResource,
  name: string,
  args: WorkloadArgs,
  shape: PodShape,
): k8s.apps.v1.Deployment {
  const child = { parent };
  const policy = createNetworkPolicy(name, args, child);
  const account = createServiceAccount(name, args, child);
  const settings = createSettings(name, args, child);
  const spec = podSpec(name, args, shape, account, settings);
  const deployment = createDeployment(name, args, { ...shape, spec }, policy, child);
  createAutoscaler(name, args, deployment, child);
  createDisruptionBudget(name, args, child);
  return deployment;
}

function createNetworkPolicy(name: string, args: WorkloadArgs, child: Parent) {
  const spec = policySpec(name, args.callers, args.callees);
  return new k8s.networking.v1.NetworkPolicy(
    name,
    { metadata: workloadMetadata(name, args), spec },
    child,
  );
}

/** A separate ServiceAccount without any role, so that nothing in the pod can read a Secret through the API. */
function createServiceAccount(name: string, args: WorkloadArgs, child: Parent) {
  return new k8s.core.v1.ServiceAccount(
    name,
    { metadata: workloadMetadata(name, args), automountServiceAccountToken: false },
    child,
  );
}

/**
 * The ConfigMap is auto-named: a change creates a new object, which rolls the pods. The old one is deleted after the
 * rollout.
 */
function createSettings(name: string, args: WorkloadArgs, child: Parent) {
  return new k8s.core.v1.ConfigMap(
    name,
    {
      metadata: { namespace: args.namespace, labels: objectLabels(name) },
      data: { ...args.settings },
    },
    child,
  );
}

function podSpec(
  name: string,
  args: WorkloadArgs,
  { container, gracePeriodSeconds }: PodShape,
  account: k8s.core.v1.ServiceAccount,
  settings: k8s.core.v1.ConfigMap,
): types.input.core.v1.PodSpec {
  return {
    ...restrictedPod({
      userId: args.userId ?? USER_ID,
      container: {
        name,
        image: args.image.reference,
        imagePullPolicy: args.image.pullPolicy,
        envFrom: [{ configMapRef: { name: settings.metadata.name } }],
        resources: args.resources,
        ...container,
      },
      serviceAccountName: account.metadata.name,
      secrets: args.secrets,
      pullSecret: args.pullSecret,
      priorityClassName: args.priorityClassName,
      writablePaths: args.writablePaths ?? WRITABLE_PATHS,
    }),
    terminationGracePeriodSeconds: gracePeriodSeconds,
    topologySpreadConstraints: topologySpread(name, args.placement),
    affinity: antiAffinity(name, args.placement),
  };
}

function createDeployment(
  name: string,
  args: WorkloadArgs,
  {
    annotations,
    spec,
  }: Pick<PodShape, "annotations"> & { readonly spec: types.input.core.v1.PodSpec },
  policy: k8s.networking.v1.NetworkPolicy,
  child: Parent,
) {
  return new k8s.apps.v1.Deployment(
    name,
    {
      metadata: workloadMetadata(name, args, {
        ...waitBeyond(args.rolloutTimeoutSeconds),
        ...(!args.autoscaling && TAKE_OWNERSHIP),
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
            annotations: { "todo-app/image-revision": args.image.revision, ...annotations },
          },
          spec,
        },
      },
    },
    {
      ...child,
      dependsOn: policy,
      // The HorizontalPodAutoscaler owns the count: if each deploy sent it again, it would undo the scaling
      // (https://github.com/pulumi/pulumi-kubernetes/issues/2491).
      ignoreChanges: args.autoscaling ? ["spec.replicas"] : [],
    },
  );
}

function createAutoscaler(
  name: string,
  args: WorkloadArgs,
  deployment: k8s.apps.v1.Deployment,
  child: Parent,
) {
  if (!args.autoscaling) return;
  const { minReplicas, maxReplicas, targetCPUUtilization } = args.autoscaling;
  new k8s.autoscaling.v2.HorizontalPodAutoscaler(
    name,
    {
      metadata: workloadMetadata(name, args),
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
          // Pods are removed only after five minutes of low load, so that a lull between two waves of requests costs no
          // capacity.
          scaleDown: {
            stabilizationWindowSeconds: 300,
            policies: [{ type: "Percent", value: 50, periodSeconds: 60 }],
          },
        },
      },
    },
    child,
  );
}

/**
 * Allows one eviction at a time, whatever the number of pods: node drains never block, and with two or more pods the
 * others keep serving.
 */
function createDisruptionBudget(name: string, args: WorkloadArgs, child: Parent) {
  new k8s.policy.v1.PodDisruptionBudget(
    name,
    {
      metadata: workloadMetadata(name, args),
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: selectorLabels(name) },
        // A pod that never became ready must not block the drain of its node.
        unhealthyPodEvictionPolicy: "AlwaysAllow",
      },
    },
    child,
  );
}
