/** How many connections to the database the pods need at their peak. */
import { workloadBudget } from "./kubernetes/quota.ts";

type Workload = Parameters<typeof workloadBudget>[0];

/** The most that one pod of each holds: the pools of app/backend/app/database.py and app/frontend/lib/database.ts. */
export const POOL_SIZES = { backend: 6, frontend: 2 } as const;
/** The migration's own, and one with which it tries the app's login. */
const MIGRATION = 2;
/** What PostgreSQL keeps for its superuser (`superuser_reserved_connections`). */
const RESERVED = 3;

/** What a server must accept (`max_connections`), with the sum as a sentence. */
export function neededConnections(workloads: {
  readonly backend: Workload;
  readonly frontend: Workload;
}): { readonly count: number; readonly sum: string } {
  const names = ["backend", "frontend"] as const;
  const parts = names.map((name) => ({
    name,
    pods: workloadBudget(workloads[name]).pods,
    each: POOL_SIZES[name],
  }));
  const ofPods = parts.reduce((total, { pods, each }) => total + pods * each, 0);
  const words = parts.map(({ name, pods, each }) => `${pods} ${name} pods with ${each} each`);
  return {
    count: ofPods + MIGRATION + RESERVED,
    sum: `${words.join(", ")}, ${MIGRATION} for the migration, ${RESERVED} kept for the superuser`,
  };
}
