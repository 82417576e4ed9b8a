/** What the pods of a stage need at their peak, and the ResourceQuota that bounds them. */
import { cpuMillicores, memoryBytes, type ContainerResources } from "./resources.ts";

/** Pods that may exist at the same time, and what each needs. */
export interface PodBudget {
  readonly pods: number;
  readonly resources: ContainerResources;
}

/** What a namespace may use. `memory` bounds the sum of the requests and, separately, the sum of the limits. */
export interface Quota {
  readonly pods: number;
  readonly cpu: string;
  readonly memory: string;
}

/** What one run of the migration needs. */
export const MIGRATION_RESOURCES: ContainerResources = {
  requests: { cpu: "50m", memory: "256Mi" },
  limits: { memory: "256Mi" },
};

/**
 * Resources of pods that state none, such as cert-manager's solver or a debug pod; the quota would refuse pods without
 * any.
 */
export const DEFAULT_RESOURCES: ContainerResources = {
  requests: { cpu: "10m", memory: "64Mi" },
  limits: { memory: "64Mi" },
};

/** What a Job needs that backs up, restores or checks the database. */
export const BACKUP_RESOURCES: ContainerResources = {
  requests: { cpu: "100m", memory: "128Mi" },
  limits: { memory: "512Mi" },
};

/** What the container beside each server of a CloudNativePG cluster needs that sends backups and the log to the bucket. */
export const ARCHIVER_RESOURCES: ContainerResources = {
  requests: { cpu: "50m", memory: "128Mi" },
  limits: { memory: "512Mi" },
};

/**
 * Room for pods beside the app's own: for those that state no resources, and for a Job that dumps or restores the
 * database.
 */
const HEADROOM: readonly PodBudget[] = [
  { pods: 4, resources: DEFAULT_RESOURCES },
  { pods: 1, resources: BACKUP_RESOURCES },
];

interface Workload {
  readonly replicas: number;
  readonly autoscaling?: { readonly maxReplicas: number };
  readonly resources: ContainerResources;
}

interface Database {
  readonly mode: string;
  readonly instances: number;
  readonly resources: ContainerResources;
}

/**
 * The pods of a workload at its largest scale: in a rollout, all old pods may still be shutting down when all new ones
 * run.
 */
export function workloadBudget({ replicas, autoscaling, resources }: Workload): PodBudget {
  return { pods: 2 * (autoscaling?.maxReplicas ?? replicas), resources };
}

/** What two containers of a pod need together. */
function sumOf(one: ContainerResources, other: ContainerResources): ContainerResources {
  const memory = (kind: "requests" | "limits") =>
    String(memoryBytes(one[kind].memory) + memoryBytes(other[kind].memory));
  const cpu = `${cpuMillicores(one.requests.cpu) + cpuMillicores(other.requests.cpu)}m`;
  return { requests: { cpu, memory: memory("requests") }, limits: { memory: memory("limits") } };
}

/**
 * The database's pods, and what backups of it need: none if it is external. A CloudNativePG cluster adds a standby before it
 * removes one. With backups, each of its pods has one more container, and a drill is one more pod.
 */
function databaseBudgets(
  { mode, instances, resources }: Database,
  hasBackup: boolean,
): PodBudget[] {
  if (mode === "external") return [];
  if (mode === "in-cluster")
    return [
      { pods: 1, resources },
      // Beside the one of the headroom, which an operator starts.
      { pods: hasBackup ? 1 : 0, resources: BACKUP_RESOURCES },
    ];
  const pods = instances + 1;
  if (!hasBackup) return [{ pods, resources }];
  return [{ pods: pods + 1, resources: sumOf(resources, ARCHIVER_RESOURCES) }];
}

/**
 * What all pods need that may exist at the same time in a stage: their number, CPU in millicores and memory in bytes.
 */
export function peakOf(stage: {
  readonly services: readonly Workload[];
  readonly database: Database;
  /** Whether backups are made on a schedule. @default no */
  readonly backup?: { readonly enabled: boolean };
}) {
  const budgets = [
    ...stage.services.map(workloadBudget),
    ...databaseBudgets(stage.database, stage.backup?.enabled ?? false),
    { pods: 1, resources: MIGRATION_RESOURCES },
    ...HEADROOM,
  ];
  const sum = (amount: (resources: ContainerResources) => number) =>
    budgets.reduce((total, { pods, resources }) => total + pods * amount(resources), 0);
  return {
    pods: sum(() => 1),
    cpu: sum(({ requests }) => cpuMillicores(requests.cpu)),
    // The sum of the limits also covers the requests, because no request is larger than its limit.
    memory: sum(({ limits }) => memoryBytes(limits.memory)),
  };
}

/** `spec.hard` of the ResourceQuota. */
export const quotaSpec = ({ pods, cpu, memory }: Quota): Record<string, string> => ({
  pods: String(pods),
  "requests.cpu": cpu,
  "requests.memory": memory,
  "limits.memory": memory,
});
