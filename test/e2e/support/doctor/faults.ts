/** Every fault that the tests of the doctor cause. */
import { ACCESS_FAULTS } from "./access.ts";
import { CLUSTER_FAULTS } from "./cluster.ts";
import { BACKUP_FAULTS, DATABASE_FAULTS } from "./database.ts";
import type { Fault } from "./fault.ts";
import { POD_FAULTS } from "./pods.ts";
import { NETWORK_FAULTS, ROUTE_FAULTS } from "./route.ts";

export const FAULTS: readonly Fault[] = [
  ...POD_FAULTS,
  ...DATABASE_FAULTS,
  ...BACKUP_FAULTS,
  ...NETWORK_FAULTS,
  ...ROUTE_FAULTS,
  ...CLUSTER_FAULTS,
  ...ACCESS_FAULTS,
];
