/** Whether the stage can serve: ready pods, endpoints, room to scale and to drain; and its backups. */
import { conditionOf } from "../../watch/objects.ts";
import type { Found, Rule } from "../finding.ts";
import {
  conditionText,
  nameOf,
  ownerOf,
  readyEndpoints,
  selects,
  statusOf,
  type LiveObject,
} from "../objects.ts";
import {
  find,
  isLabelled,
  kubectlOf,
  newest,
  ofKind,
  parseTime,
  signsIn,
  type Snapshot,
} from "../snapshot.ts";

import { failedBackups, suspendedSchedules } from "./archive.ts";

/** A rollout gets this long before pods that are not ready count. */
const ROLLOUT_MS = 60_000;
/** How long one backup may take. */
const BACKUP_MS = 4 * 3_600_000;

function notReady(snapshot: Snapshot): readonly Found[] {
  const { objects, now } = snapshot;
  const signs = signsIn(snapshot);
  return ofKind(objects, "Deployment").flatMap((deployment): Found[] => {
    const name = nameOf(deployment);
    const { replicas = 1 } = deployment.spec ?? {};
    const ready = deployment.status?.readyReplicas ?? 0;
    const own = signs.filter(({ workload, reason }) => workload === name && reason === "Unhealthy");
    const since = parseTime(statusOf(deployment, "Available")?.lastTransitionTime);
    const isLong = ready < replicas && now - since > ROLLOUT_MS;
    if (!own.length && !(isLong && statusOf(deployment, "Available")?.status === "False"))
      return [];
    return [
      {
        about: [name, ...own.flatMap(({ pod }) => (pod ? [`Pod/${pod}`] : []))],
        problem: `${name} has ${ready} ready of ${replicas} pods`,
        evidence: [...new Set(own.map(({ pod, message }) => `pod ${pod}: ${message}`))].slice(0, 3),
        cause: "the pods run, but do not answer that they can serve",
        fix:
          `${kubectlOf(snapshot)} logs ${name.toLowerCase()} --tail 50; ` +
          `${kubectlOf(snapshot)} describe ${name.toLowerCase()} shows more`,
      },
    ];
  });
}

/** The number of servers of the CloudNativePG cluster that an object was made for; 0 where it was made for none. */
function serversOf({ objects }: Snapshot, owned: LiveObject): number {
  const owner = ownerOf(objects, owned);
  const cluster = ofKind(objects, "Cluster").find((each) => nameOf(each) === owner);
  return cluster ? (cluster.spec?.instances ?? 1) : 0;
}

/** Whether a Service leads to the standbys of a cluster that has none. */
const isForNone = (snapshot: Snapshot, service: LiveObject, selector: object): boolean =>
  serversOf(snapshot, service) === 1 && Object.values(selector).includes("replica");

function withoutEndpoints(snapshot: Snapshot): readonly Found[] {
  const { objects, namespace, stage } = snapshot;
  return ofKind(objects, "Service").flatMap((service): Found[] => {
    const { name } = service.metadata;
    const selector = (service.spec?.selector ?? {}) as Readonly<Record<string, string>>;
    if (!Object.keys(selector).length || readyEndpoints(objects, { namespace, name })) return [];
    if (isForNone(snapshot, service, selector)) return [];
    const labels = Object.entries(selector).map(([key, value]) => `${key}=${value}`);
    const selected = ofKind(objects, "Pod").filter(({ metadata }) =>
      selects({ matchLabels: selector }, metadata.labels),
    );
    return [
      {
        about: [nameOf(service)],
        problem: `Service ${name} has no ready endpoint`,
        evidence: [`${selected.length} pods have its labels ${labels.join(", ")}`],
        cause: selected.length
          ? "none of its pods is ready"
          : "no pod has the labels of its selector: either was changed, or there are no pods",
        fix: selected.length
          ? `${kubectlOf(snapshot)} describe pods --selector ${labels.join(",")}`
          : `make heal STAGE=${stage} puts back what the stack sets`,
      },
    ];
  });
}

const autoscalers = ({ objects }: Snapshot) => ofKind(objects, "HorizontalPodAutoscaler");

const withoutMetrics = (snapshot: Snapshot): readonly Found[] =>
  autoscalers(snapshot).flatMap((autoscaler) => {
    const active = statusOf(autoscaler, "ScalingActive");
    if (active?.status !== "False" || active.reason === "ScalingDisabled") return [];
    return [
      {
        about: [nameOf(autoscaler)],
        problem: `the autoscaler ${autoscaler.metadata.name} has no metrics`,
        evidence: [conditionText(active)],
        cause: "the metrics API has no figures for its pods, so it does not scale",
        fix: `${kubectlOf(snapshot)} top pods; ${kubectlOf(snapshot)} describe hpa ${autoscaler.metadata.name}`,
      },
    ];
  });

const atMaximum = (snapshot: Snapshot): readonly Found[] =>
  autoscalers(snapshot).flatMap((autoscaler) => {
    const limited = conditionOf(autoscaler, "ScalingLimited");
    if (limited?.reason !== "TooManyReplicas") return [];
    const { name } = autoscaler.metadata;
    return [
      {
        about: [nameOf(autoscaler)],
        problem: `the autoscaler ${name} wants more than its maximum of ${autoscaler.spec?.maxReplicas} pods`,
        evidence: [conditionText(limited)],
        cause: "the load is higher than the pods that the stage allows can take",
        fix: `raise todo-app:${name}.autoscaling.maxReplicas, and todo-app:quota with it; then make up STAGE=${snapshot.stage}`,
      },
    ];
  });

/**
 * Whether the budget is that of the primary of a CloudNativePG cluster with standbys. It never lets the primary go: the
 * operator makes a standby the primary when a node is drained.
 */
const isOfPrimary = (snapshot: Snapshot, budget: LiveObject): boolean =>
  serversOf(snapshot, budget) > 1;

const blockedDrains = (snapshot: Snapshot): readonly Found[] =>
  ofKind(snapshot.objects, "PodDisruptionBudget").flatMap((budget) => {
    const { disruptionsAllowed, expectedPods = 0, currentHealthy = 0 } = budget.status ?? {};
    // With pods that are not ready, none may go. That is how it should be.
    if (disruptionsAllowed !== 0 || !expectedPods || currentHealthy < expectedPods) return [];
    if (isOfPrimary(snapshot, budget)) return [];
    const { name } = budget.metadata;
    return [
      {
        about: [nameOf(budget)],
        problem: `PodDisruptionBudget ${name} lets no pod go, so no node can be drained`,
        evidence: [`${currentHealthy} of ${expectedPods} pods are healthy, 0 disruptions allowed`],
        cause: "it asks for as many pods as there are",
        fix: `make heal STAGE=${snapshot.stage} puts back a budget of the stack; otherwise: ${kubectlOf(snapshot)} describe pdb ${name}`,
      },
    ];
  });

const backupJob = ({ objects }: Snapshot) => find(objects, "CronJob", "backup");

const suspended = (snapshot: Snapshot): readonly Found[] =>
  backupJob(snapshot)?.spec?.suspend
    ? [
        {
          about: ["CronJob/backup"],
          problem: "no backups are made: the CronJob backup is suspended",
          evidence: ["spec.suspend is true"],
          cause: "somebody has suspended it",
          fix: `${kubectlOf(snapshot)} patch cronjob backup --patch '{"spec":{"suspend":false}}'`,
        },
      ]
    : [];

/** Why the newest backup can't be relied on; undefined where it can. */
function backupProblem(snapshot: Snapshot, cronJob: LiveObject): string | undefined {
  const job = newest(ofKind(snapshot.objects, "Job").filter(isLabelled("backup")));
  const failed = job && statusOf(job, "Failed");
  if (failed?.status === "True") return `Job ${job?.metadata.name}: ${conditionText(failed)}`;
  const { lastScheduleTime, lastSuccessfulTime } = cronJob.status ?? {};
  const due = parseTime(lastScheduleTime);
  if (!due || parseTime(lastSuccessfulTime) >= due || snapshot.now - due < BACKUP_MS)
    return undefined;
  return `due at ${lastScheduleTime}; the last that was made: ${lastSuccessfulTime ?? "none"}`;
}

function failedBackup(snapshot: Snapshot): readonly Found[] {
  const cronJob = backupJob(snapshot);
  const problem = cronJob && backupProblem(snapshot, cronJob);
  if (!problem) return [];
  const log = Object.entries(snapshot.logs).find(([name]) => name.startsWith("backup-"))?.[1];
  return [
    {
      about: ["CronJob/backup"],
      problem: "the last backup has failed",
      evidence: [problem, ...(log ?? []).slice(-2).map((line) => `log: ${line}`)],
      cause: "the log of its Job says why",
      fix: `remove the cause, then make backup STAGE=${snapshot.stage}; ${kubectlOf(snapshot)} logs --selector app.kubernetes.io/name=backup --all-containers --tail 20`,
    },
  ];
}

export const SERVICE_RULES: readonly Rule[] = [
  {
    name: "workload-not-ready",
    knows: "pods run, but are not ready",
    explains: ["service-without-endpoints", "disruption-blocked"],
    find: notReady,
  },
  {
    name: "service-without-endpoints",
    knows: "a Service has no ready pod, for example because its selector was changed",
    find: withoutEndpoints,
  },
];

export const ROOM_RULES: readonly Rule[] = [
  {
    name: "hpa-without-metrics",
    knows: "an autoscaler has no metrics",
    find: withoutMetrics,
  },
  { name: "hpa-at-maximum", knows: "an autoscaler is at its maximum", find: atMaximum },
  {
    name: "disruption-blocked",
    knows: "a PodDisruptionBudget lets no pod go, so that drains never end",
    find: blockedDrains,
  },
  {
    name: "backup-suspended",
    knows: "the schedule of the backups is suspended",
    find: (snapshot) => [...suspended(snapshot), ...suspendedSchedules(snapshot)],
  },
  {
    name: "backup-failed",
    knows: "the last backup has failed, or is overdue; or the write-ahead log can't be archived",
    find: (snapshot) => [...failedBackup(snapshot), ...failedBackups(snapshot)],
  },
];
