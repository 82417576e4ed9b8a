/** Whether the program asks the cluster for what the stage needs, before it registers the first resource. */
import type { Stage } from "./schema.ts";

/** A variable that the commands of `ops/` set for the program: they have made preflight already, or ask no cluster. */
export const NO_PREFLIGHT = "TODO_APP_NO_PREFLIGHT";

export const isPreflightDue = ({ preflight }: Pick<Stage, "preflight">, env = process.env) =>
  preflight && !env[NO_PREFLIGHT];
