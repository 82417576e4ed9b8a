/** Every fault, by the rule of the doctor that must come first. */
import { CLUSTER_FAULTS } from "./clusterFaults.ts";
import { CHANGE_FAULTS } from "./changeFaults.ts";
import { POD_FAULTS } from "./podFaults.ts";
import { DATABASE_FAULTS } from "./databaseFaults.ts";
import { ROUTE_FAULTS } from "./routeFaults.ts";
import type { Fault } from "./fault.ts";

export const FAULTS: readonly Fault[] = [
  ...CLUSTER_FAULTS,
  ...CHANGE_FAULTS,
  ...POD_FAULTS,
  ...DATABASE_FAULTS,
  ...ROUTE_FAULTS,
];
