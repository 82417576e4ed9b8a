/**
 * Time-outs of a rollout. Each is longer than what it waits for, so that the one which knows the reason fires first:
 * start-up probes, then Kubernetes' own deadline (`rolloutTimeoutSeconds`), then Pulumi's wait.
 */

/** How long a web workload may take to start. */
export const STARTUP_SECONDS = 60;

/** Least `rolloutTimeoutSeconds`: more than the slowest start-up, that of the database, which may take 120 s. */
export const LEAST_ROLLOUT_SECONDS = 150;

/** Annotation for the time that Pulumi waits for something that has a deadline of its own. */
export const waitBeyond = (rolloutTimeoutSeconds: number) => ({
  "pulumi.com/timeoutSeconds": String(rolloutTimeoutSeconds + 30),
});
