/** Every rule of the doctor. Those that name causes come before those that name what follows from them. */
import type { Rule } from "./finding.ts";
import { DEPLOY_RULES, POLICY_RULES, SECRET_RULE, STOPPED_RULE } from "./rules/changes.ts";
import { CLUSTER_RULES } from "./rules/cluster.ts";
import { DATABASE_RULES, MIGRATION_RULE, REACH_RULES, VOLUME_RULES } from "./rules/database.ts";
import { NAMESPACE_RULES, STUCK_RULE } from "./rules/namespace.ts";
import { CRASH_RULES, POD_RULES, REFUSALS } from "./rules/pods.ts";
import { ROUTE_RULES } from "./rules/route.ts";
import { ROOM_RULES, SERVICE_RULES } from "./rules/service.ts";

export const RULES: readonly Rule[] = [
  ...CLUSTER_RULES,
  ...NAMESPACE_RULES,
  ...POLICY_RULES,
  STUCK_RULE,
  ...VOLUME_RULES,
  ...REFUSALS,
  ...POD_RULES,
  STOPPED_RULE,
  ...DATABASE_RULES,
  SECRET_RULE,
  ...REACH_RULES,
  ...CRASH_RULES,
  MIGRATION_RULE,
  ...SERVICE_RULES,
  ...ROUTE_RULES,
  ...ROOM_RULES,
  ...DEPLOY_RULES,
];
