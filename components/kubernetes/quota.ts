/** What the pods of a stage need at their peak, and the ResourceQuota that bounds them. */
import { cpuMillicores, memoryBytes, type ContainerResources } from "./resources.ts";

/** Pods that may exist at the same time, and what each needs. */
export interface PodBudget {
  readonly pods: number;
  readonly resources: ContainerResources;
}

/** What a namespace may use; `memory` bounds the requests and the limits, each by itself. */
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

/** Pods that state no resources (cert-manager's solver, a debug pod) get these, or the quota would refuse them. */
export const DEFAULT_RESOURCES: ContainerResources = {
  requests: { cpu: "10m", memory: "64Mi" },
  limits: { memory: "64Mi" },
};

/** Room on top of the app's own pods: for such pods, and for a Job that dumps or restores the database. */
const HEADROOM: readonly PodBudget[] = [
  { pods: 4, resources: DEFAULT_RESOURCES },
  {
    pods: 1,
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "512Mi" } },
  },
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

/** A workload at its largest: in a rollout, every old pod may still be shutting down when all the new ones run. */
export function workloadBudget({ replicas, autoscaling, resources }: Workload): PodBudget {
  return { pods: 2 * (autoscaling?.maxReplicas ?? replicas), resources };
}

/** The database's pods: none if it is external; a CloudNativePG cluster adds a standby before it lets one go. */
function databaseBudget({ mode, instances, resources }: Database): PodBudget {
  const pods = { external: 0, "cloudnative-pg": instances + 1 }[mode] ?? 1;
  return { pods, resources };
}

/** Every pod of a stage that may exist at once, in pods, millicores and bytes. */
export function peakOf(stage: {
  readonly services: readonly Workload[];
  readonly database: Database;
}) {
  const budgets = [
    ...stage.services.map(workloadBudget),
    databaseBudget(stage.database),
    { pods: 1, resources: MIGRATION_RESOURCES },
    ...HEADROOM,
  ];
  const sum = (amount: (resources: ContainerResources) => number) =>
    budgets.reduce((total, { pods, resources }) => total + pods * amount(resources), 0);
  return {
    pods: sum(() => 1),
    cpu: sum(({ requests }) => cpuMillicores(requests.cpu)),
    // Limits: no request is larger than its limit.
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
