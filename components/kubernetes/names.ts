/** Names that more than one part of the stack must agree on. */

/** Name of the workload that runs the new release of a service. */
export const canaryOf = (service: string): string => `${service}-canary`;

/** Name of the port at which the pods of a web service have their metrics. */
export const METRICS_PORT_NAME = "metrics";

/** Annotation of pods whose program serves sources that change while it runs. */
export const DEVELOPMENT = "todo-app/development";

/** Name of the workload that is the database in the cluster. */
export const DATABASE_WORKLOAD = "postgres";
