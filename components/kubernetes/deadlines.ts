/**
 * Time-outs of a rollout: of the start-up probes, then of the Deployment or Job (`rolloutTimeoutSeconds`), then of
 * Pulumi's wait. Each is longer than the one before it, so that the one that knows the reason of a failure fires first.
 */

/** How long a web workload may take to start, in seconds. */
export const STARTUP_SECONDS = 60;

/**
 * Smallest allowed `rolloutTimeoutSeconds`: more than the slowest start, that of the database, which may take 120 s.
 */
export const LEAST_ROLLOUT_SECONDS = 150;

/** Annotation that makes Pulumi wait for an object longer than the object's own deadline, `rolloutTimeoutSeconds`. */
export const waitBeyond = (rolloutTimeoutSeconds: number) => ({
  "pulumi.com/timeoutSeconds": String(rolloutTimeoutSeconds + 30),
});
