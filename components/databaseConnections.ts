/** How many connections to the database the pods need at their peak. */
import { workloadBudget } from "./kubernetes/quota.ts";

type Workload = Parameters<typeof workloadBudget>[0] & {
  readonly name: string;
  /** The most that one pod holds. */
  readonly connections: number;
};

/** The migration's own, and one with which it tries the app's login. */
const MIGRATION = 2;
/** What PostgreSQL keeps for its superuser (`superuser_reserved_connections`). */
const RESERVED = 3;

/** What a server must accept (`max_connections`), with the sum as a sentence. */
export function neededConnections(workloads: readonly Workload[]): {
  readonly count: number;
  readonly sum: string;
} {
  const parts = workloads
    .filter(({ connections }) => connections > 0)
    .map((workload) => ({ ...workload, pods: workloadBudget(workload).pods }));
  const ofPods = parts.reduce((total, { pods, connections }) => total + pods * connections, 0);
  const words = parts.map(
    ({ name, pods, connections }) => `${pods} ${name} pods with ${connections} each`,
  );
  return {
    count: ofPods + MIGRATION + RESERVED,
    sum: `${words.join(", ")}, ${MIGRATION} for the migration, ${RESERVED} kept for the superuser`,
  };
}
