/** Probes of an HTTP workload. */
import type { types } from "@pulumi/kubernetes";
import { STARTUP_SECONDS } from "./deadlines.ts";

type Probe = types.input.core.v1.Probe;
type Probes = {
  readonly startupProbe: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe: Probe;
};

/** Paths that answer with status 2xx if all is well. */
export interface HealthPaths {
  /** Whether the process answers, even if something that it depends on fails. */
  readonly live: string;
  /** Whether it can serve: its database answers, for example. */
  readonly ready: string;
}

/**
 * Liveness tests only whether the process answers: if it depended on the database, an outage of the database would
 * restart every pod. Readiness takes a pod out of the Service after 2 failures (10 s).
 */
export function httpProbes(port: string, { live, ready }: HealthPaths): Probes {
  const get = (path: string): Probe => ({ httpGet: { path, port }, timeoutSeconds: 3 });
  return {
    startupProbe: { ...get(live), periodSeconds: 1, failureThreshold: STARTUP_SECONDS },
    livenessProbe: { ...get(live), periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { ...get(ready), periodSeconds: 5, failureThreshold: 2 },
  };
}

/**
 * For a program whose sources change while it runs. Nothing restarts it: with a mistake in the sources it does not answer, and the
 * next change mends it. What it compiles at the first request takes time.
 */
export function developmentProbes(port: string, paths: HealthPaths): Probes {
  const { startupProbe, readinessProbe } = httpProbes(port, paths);
  return { startupProbe, readinessProbe: { ...readinessProbe, failureThreshold: 6 } };
}
