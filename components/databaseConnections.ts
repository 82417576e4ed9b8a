/** How many connections to the database the pods of a stage need at their peak. */
import { workloadBudget } from "./kubernetes/quota.ts";

type Workload = Parameters<typeof workloadBudget>[0] & {
  readonly name: string;
  /** Connections that one pod holds at most. */
  readonly connections: number;
};

/** Connections of the migration: its own, and one with which it tests the app's login. */
const MIGRATION = 2;
/** Connections of a backup: that of pg_dump, and the one that holds its snapshot. */
const BACKUP = 2;
/** Connections that PostgreSQL keeps free for its superuser (`superuser_reserved_connections`). */
const RESERVED = 3;

/**
 * The number of connections that a server must accept (`max_connections`), and a text for errors that shows the sum.
 *
 * @param hasBackup whether backups are made @default false
 */
export function neededConnections(
  workloads: readonly Workload[],
  hasBackup = false,
): {
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
  const backup = hasBackup ? BACKUP : 0;
  return {
    count: ofPods + MIGRATION + backup + RESERVED,
    sum: `${words.join(", ")}, ${MIGRATION} for the migration, ${backup ? `${backup} for a backup, ` : ""}${RESERVED} kept for the superuser`,
  };
}
