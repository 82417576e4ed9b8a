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

/** The database's pods: none if it is external. A CloudNativePG cluster adds a standby before it removes one. */
function databaseBudget({ mode, instances, resources }: Database): PodBudget {
  const pods = { external: 0, "cloudnative-pg": instances + 1 }[mode] ?? 1;
  return { pods, resources };
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
    databaseBudget(stage.database),
    { pods: 1, resources: MIGRATION_RESOURCES },
    // Beside the one of the headroom, which an operator starts.
    { pods: stage.backup?.enabled ? 1 : 0, resources: BACKUP_RESOURCES },
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
