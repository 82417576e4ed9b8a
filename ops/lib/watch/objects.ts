/** The parts of Kubernetes objects that show how a rollout goes, and which objects belong to a workload. */

export interface Meta {
  readonly name: string;
  readonly uid: string;
  readonly creationTimestamp?: string;
  readonly generation?: number;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly { readonly uid: string; readonly controller?: boolean }[];
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string;
}

interface Ended {
  readonly exitCode: number;
  readonly reason?: string;
  readonly message?: string;
  readonly finishedAt?: string;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: object;
  readonly terminated?: Ended;
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restartCount: number;
  readonly state: ContainerState;
  readonly lastState: ContainerState;
}

interface Probe {
  readonly periodSeconds?: number;
  readonly failureThreshold?: number;
}

/** An object of one of the kinds that are watched. */
export interface ApiObject {
  readonly kind: string;
  readonly metadata: Meta;
  readonly spec?: {
    readonly replicas?: number;
    readonly containers?: readonly { readonly name: string; readonly readinessProbe?: Probe }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly currentRevision?: string;
    readonly updateRevision?: string;
    readonly conditions?: readonly Condition[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
  // The fields from here on are those of an Event.
  readonly reason?: string;
  readonly message?: string;
  readonly type?: string;
  readonly involvedObject?: { readonly uid?: string; readonly name?: string };
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly lastObservedTime?: string };
}

export const KINDS = "deployments,replicasets,statefulsets,jobs,pods,persistentvolumeclaims,events";

const REVISION = "deployment.kubernetes.io/revision";
const STATEFUL_REVISION = "controller-revision-hash";

export const ofKind = (objects: readonly ApiObject[], kind: string) =>
  objects.filter((object) => object.kind === kind);

export const conditionOf = ({ status }: ApiObject, type: string) =>
  status?.conditions?.find((condition) => condition.type === type && condition.status === "True");

export const containersOf = ({ status }: ApiObject) => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
];

const isControlledBy = (owner: ApiObject) => (object: ApiObject) =>
  object.metadata.ownerReferences?.some(
    ({ uid, controller }) => controller && uid === owner.metadata.uid,
  ) ?? false;

/** Whether the controller has seen the last change of the object's specification. */
export const isObserved = ({ metadata, status }: ApiObject) =>
  (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);

/** Whether all pods of a Deployment or a StatefulSet are new and ready, and no old one is left, as `kubectl rollout status` has it. */
export function isRolledOut(workload: ApiObject): boolean {
  const { spec, status = {} } = workload;
  const wanted = spec?.replicas ?? 1;
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  return (
    isObserved(workload) &&
    status.currentRevision === status.updateRevision && // only a StatefulSet has them
    updatedReplicas >= wanted &&
    availableReplicas >= wanted &&
    replicas <= updatedReplicas
  );
}

/** The ReplicaSet of a Deployment's current revision. */
export function currentReplicaSet(objects: readonly ApiObject[], deployment: ApiObject) {
  const revision = deployment.metadata.annotations?.[REVISION];
  return ofKind(objects, "ReplicaSet")
    .filter(isControlledBy(deployment))
    .find(({ metadata }) => metadata.annotations?.[REVISION] === revision);
}

/** The pods of an owner that are not being deleted. Of a StatefulSet, only those of its new revision. */
export function podsOf(objects: readonly ApiObject[], owner: ApiObject): ApiObject[] {
  const revision = owner.status?.updateRevision;
  return ofKind(objects, "Pod")
    .filter(isControlledBy(owner))
    .filter(({ metadata }) => !metadata.deletionTimestamp)
    .filter(({ metadata }) => !revision || metadata.labels?.[STATEFUL_REVISION] === revision);
}

export const timeOf = ({ series, lastTimestamp, eventTime, metadata }: ApiObject) =>
  Date.parse(
    series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? "",
  ) || 0;

/** The warnings about an object, newest last. */
export const warningsAbout = (objects: readonly ApiObject[], { metadata }: ApiObject) =>
  ofKind(objects, "Event")
    .filter(
      ({ type, involvedObject }) => type === "Warning" && involvedObject?.uid === metadata.uid,
    )
    .sort((a, b) => timeOf(a) - timeOf(b));
