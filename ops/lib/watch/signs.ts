/** Signs that a rollout will not succeed, and how long each is tolerated before it counts as a failure. */
import {
  conditionOf,
  containersOf,
  currentReplicaSet,
  isObserved,
  ofKind,
  podsOf,
  timeOf,
  warningsAbout,
  type ApiObject,
  type ContainerStatus,
} from "./objects.ts";

export interface Sign {
  /** `Deployment/backend` */
  readonly workload: string;
  readonly pod?: string;
  readonly container?: string;
  /** Whether the log to show is the one from before the container's last restart. */
  readonly previous?: boolean;
  /** The reason as Kubernetes calls it. */
  readonly reason: string;
  readonly message: string;
  /** The newest warning about the pod. */
  readonly event?: string;
  /** Seconds in which the sign may disappear by itself. */
  readonly tolerated: number;
}

/** For what is missing, but may be about to be created, such as a Secret. */
const BRIEFLY = 10;
/** For a registry that does not answer, or for room that other pods are about to free. */
const PATIENCE = 20;
/** For what the controller manager adds to a new namespace. Its retries come at growing intervals. */
const LAG = 60;
/** For a node that a cluster autoscaler has announced. */
const NEW_NODE = 300;

/** Answers of a registry that stay the same at the next attempt. */
const HOPELESS =
  /not found|manifest unknown|denied|unauthorized|forbidden|invalid reference|no match for platform/i;

export type Found = Pick<Sign, "reason" | "message" | "tolerated"> & Partial<Sign>;

/** The API server's refusal to create a pod. `leaving`: whether pods are being deleted, which frees their share of a quota. */
function refusal(message: string, leaving: boolean): Found {
  const found = { reason: "FailedCreate", message };
  if (/violates PodSecurity|denied the request/.test(message)) return { ...found, tolerated: 0 };
  if (/exceeded quota/.test(message)) return { ...found, tolerated: leaving ? PATIENCE : 5 };
  if (/status unknown for quota|error looking up service account/.test(message))
    return { ...found, tolerated: LAG };
  return { ...found, tolerated: BRIEFLY };
}

const PULLS = ["ErrImagePull", "ImagePullBackOff"];
const NEVER_STARTS = ["InvalidImageName", "ErrImageNeverPull"];
const CONFIGURATION = ["CreateContainerConfigError", "CreateContainerError", "RunContainerError"];

/** Why a container does not start, or does not keep running. A Job counts the failures of its pods itself. */
function containerSign(
  { state, lastState, ...container }: ContainerStatus,
  isJob: boolean,
): Found[] {
  const { reason = "", message = "" } = state.waiting ?? {};
  const end = state.terminated ?? lastState.terminated;
  const own = { container: container.name };
  if (PULLS.includes(reason))
    return [{ ...own, reason, message, tolerated: HOPELESS.test(message) ? 0 : PATIENCE }];
  if (NEVER_STARTS.includes(reason)) return [{ ...own, reason, message, tolerated: 0 }];
  if (CONFIGURATION.includes(reason)) return [{ ...own, reason, message, tolerated: BRIEFLY }];
  if (isJob || container.ready) return [];
  const exit = end
    ? `last exit: code ${end.exitCode}, ${end.reason ?? "no reason given"}`
    : message;
  const previous = !state.terminated;
  if (end?.reason === "OOMKilled")
    return [{ ...own, previous, reason: "OOMKilled", message: exit, tolerated: 0 }];
  if (reason === "CrashLoopBackOff")
    return [{ ...own, previous, reason, message: exit, tolerated: 0 }];
  return [];
}

/** Probes that fail, by the warnings about their pod. */
function probeSigns(objects: readonly ApiObject[], pod: ApiObject): Found[] {
  const warnings = warningsAbout(objects, pod).filter(({ reason }) => reason === "Unhealthy");
  const last = (probe: RegExp) =>
    warnings.filter(({ message }) => probe.test(message ?? "")).at(-1);
  return containersOf(pod).flatMap((status): Found[] => {
    if (status.ready) return [];
    const own = { container: status.name, reason: "Unhealthy" };
    // Only this event shows that the probe is the cause: a container that ends by itself fails its start-up probe, too.
    const killed = ofKind(objects, "Event").some(
      ({ reason, message, involvedObject }) =>
        involvedObject?.uid === pod.metadata.uid &&
        reason === "Killing" &&
        /failed startup probe/.test(message ?? ""),
    );
    const startup = last(/^Startup probe/)?.message ?? "the start-up probe failed";
    if (killed) return [{ ...own, previous: true, message: startup, tolerated: 0 }];
    const readiness = last(/^Readiness probe/);
    if (!readiness || !status.started || !status.state.running) return [];
    const probe = pod.spec?.containers?.find(({ name }) => name === status.name)?.readinessProbe;
    // The warning comes with the first failure, and is seen up to a poll later. The probe may be late, hence a second more.
    const more = (probe?.periodSeconds ?? 10) * ((probe?.failureThreshold ?? 3) - 1);
    return [{ ...own, message: readiness.message!, tolerated: more + 1 }];
  });
}

function schedulingSigns(objects: readonly ApiObject[], pod: ApiObject): Found[] {
  const condition = pod.status?.conditions?.find(
    ({ type, status, reason }) =>
      type === "PodScheduled" && status === "False" && reason === "Unschedulable",
  );
  if (!condition) return [];
  const growing = ofKind(objects, "Event").some(
    ({ reason, involvedObject }) =>
      reason === "TriggeredScaleUp" && involvedObject?.uid === pod.metadata.uid,
  );
  const message = condition.message ?? "no node takes the pod";
  return [{ reason: "Unschedulable", message, tolerated: growing ? NEW_NODE : BRIEFLY }];
}

/** @param probes whether a probe that fails is a sign */
export function podSigns(
  objects: readonly ApiObject[],
  pod: ApiObject,
  { isJob = false, probes = !isJob }: { readonly isJob?: boolean; readonly probes?: boolean },
): Found[] {
  const event = warningsAbout(objects, pod).at(-1);
  return [
    ...schedulingSigns(objects, pod),
    ...containersOf(pod).flatMap((status) => containerSign(status, isJob)),
    ...(probes ? probeSigns(objects, pod) : []),
  ].map((found) => ({
    ...found,
    pod: pod.metadata.name,
    event: event && `${event.reason}: ${event.message}`,
  }));
}

/** What is wrong with the pods of `owner`, or with their creation. */
function ownerSigns(
  objects: readonly ApiObject[],
  owner: ApiObject,
  since: number,
  isJob = false,
): Found[] {
  const leaving = ofKind(objects, "Pod").some(({ metadata }) => metadata.deletionTimestamp);
  const failure = conditionOf(owner, "ReplicaFailure");
  const pods = podsOf(objects, owner);
  // A ReplicaSet reports a refused pod by a condition. For the other kinds there is only an event.
  const event = warningsAbout(objects, owner).findLast(
    (each) => each.reason === "FailedCreate" && timeOf(each) >= since,
  );
  const said =
    failure?.message ?? (pods.length || owner.kind === "ReplicaSet" ? "" : event?.message);
  return [
    ...(said ? [refusal(said, leaving)] : []),
    ...pods.flatMap((pod) => podSigns(objects, pod, { isJob })),
  ];
}

function deploymentSigns(
  objects: readonly ApiObject[],
  deployment: ApiObject,
  since: number,
): Found[] {
  const set = currentReplicaSet(objects, deployment);
  const progressing = deployment.status?.conditions?.find(({ type }) => type === "Progressing");
  // A release that was deployed before uses its old ReplicaSet again, and with it the condition of that time.
  const late =
    progressing?.reason === "ProgressDeadlineExceeded" &&
    Date.parse(progressing.lastUpdateTime ?? "") >= since;
  return [
    ...(set ? ownerSigns(objects, set, since) : []),
    ...(late
      ? [{ reason: progressing.reason, message: progressing.message ?? "", tolerated: 0 }]
      : []),
  ];
}

export function jobSigns(objects: readonly ApiObject[], job: ApiObject, since: number): Found[] {
  const failed = conditionOf(job, "Failed");
  if (!failed) return ownerSigns(objects, job, since, true);
  const pod = podsOf(objects, job).find(({ status }) => status?.phase === "Failed");
  const container = pod && containersOf(pod).find(({ state }) => state.terminated?.exitCode);
  const { reason = "Failed", message = "" } = failed;
  return [{ reason, message, pod: pod?.metadata.name, container: container?.name, tolerated: 0 }];
}

/** Claims that their provisioner refuses. A claim that waits for its first pod is no failure. */
export function claimSigns(objects: readonly ApiObject[]): Sign[] {
  return ofKind(objects, "PersistentVolumeClaim")
    .filter(({ status }) => status?.phase === "Pending")
    .flatMap((claim) => {
      const event = warningsAbout(objects, claim).findLast(
        ({ reason }) => reason === "ProvisioningFailed" || reason === "FailedBinding",
      );
      if (!event) return [];
      const { reason = "", message = "" } = event;
      const workload = `PersistentVolumeClaim/${claim.metadata.name}`;
      return [{ workload, reason, message, tolerated: BRIEFLY }];
    });
}

/** Every sign at this moment that the rollout of `workload`, which began at `since`, may fail. */
export function signsOf(objects: readonly ApiObject[], workload: ApiObject, since: number): Sign[] {
  if (!isObserved(workload) && workload.kind !== "Job") return [];
  const name = `${workload.kind}/${workload.metadata.name}`;
  // Kubernetes records whole seconds.
  const second = Math.floor(since / 1000) * 1000;
  const found =
    workload.kind === "Deployment"
      ? deploymentSigns(objects, workload, second)
      : workload.kind === "Job"
        ? jobSigns(objects, workload, second)
        : ownerSigns(objects, workload, second);
  const claims = workload.kind === "StatefulSet" ? claimSigns(objects) : [];
  return [...found.map((each) => ({ ...each, workload: name })), ...claims];
}
