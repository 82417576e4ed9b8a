/** Quantities of CPU and memory, and what a set of pods needs at its peak. */

/** CPU and memory of one container, as Kubernetes spells them. */
export interface ContainerResources {
  readonly requests: { readonly cpu: string; readonly memory: string };
  readonly limits: { readonly cpu?: string; readonly memory: string };
}

/** Pods that may exist at the same time, and what each needs. */
export interface PodBudget {
  readonly pods: number;
  readonly resources: ContainerResources;
}

/** Suffixes of a quantity: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A Kubernetes quantity as a number: "250m" → 0.25, "1Gi" → 1073741824, "2e3" → 2000; NaN for anything else. */
export function quantityOf(text: string): number {
  const [, number, exponent, suffix = ""] =
    /^\+?(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?$/.exec(text) ?? [];
  return number === undefined ? NaN : Number(number + (exponent ?? "")) * SUFFIXES[suffix]!;
}

/** "250m" → 250, "1.5" → 1500. */
export const cpuMillicores = (quantity: string) =>
  // What is left of a product like 0.29 * 1000 after the comma is rounded away.
  Math.ceil(Number((quantityOf(quantity) * 1000).toFixed(6)));

/** "128Mi" → 134217728. */
export const memoryBytes = (quantity: string) => quantityOf(quantity);

/** A workload at its largest: in a rollout, every old pod may still be shutting down when all the new ones run. */
export function peakBudget(workload: {
  readonly replicas: number;
  readonly autoscaling?: { readonly maxReplicas: number };
  readonly resources: ContainerResources;
}): PodBudget {
  const replicas = workload.autoscaling?.maxReplicas ?? workload.replicas;
  return { pods: 2 * replicas, resources: workload.resources };
}

/** The database's pods: none if it is external; a CloudNativePG cluster adds a standby before it lets one go. */
export function databaseBudget(database: {
  readonly mode: string;
  readonly instances: number;
  readonly resources: ContainerResources;
}): PodBudget {
  const pods = { external: 0, "cloudnative-pg": database.instances + 1 }[database.mode] ?? 1;
  return { pods, resources: database.resources };
}

/** `spec.hard` of a ResourceQuota that leaves room for every pod at its peak, and for no more. */
export function quotaFor(budgets: readonly PodBudget[]): Record<string, string> {
  const sum = (amount: (resources: ContainerResources) => number) =>
    budgets.reduce((total, { pods, resources }) => total + pods * amount(resources), 0);
  const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)}Mi`;
  return {
    pods: String(budgets.reduce((total, { pods }) => total + pods, 0)),
    "requests.cpu": `${sum((resources) => cpuMillicores(resources.requests.cpu))}m`,
    "requests.memory": mebibytes(sum((resources) => memoryBytes(resources.requests.memory))),
    "limits.memory": mebibytes(sum((resources) => memoryBytes(resources.limits.memory))),
  };
}
