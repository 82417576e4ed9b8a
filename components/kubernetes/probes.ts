/** Probes of an HTTP workload. */
import type { types } from "@pulumi/kubernetes";
import { STARTUP_SECONDS } from "./deadlines.ts";

type Probe = types.input.core.v1.Probe;
type Probes = {
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
};

/**
 * Liveness asks only whether the process answers: were it to depend on the database, an outage
 * there would restart every pod. Readiness takes a pod out of the Service after 2 failures (10 s).
 */
export function httpProbes(port: string): Probes {
  const get = (path: string): Probe => ({ httpGet: { path, port }, timeoutSeconds: 3 });
  return {
    startupProbe: { ...get("/health/live"), periodSeconds: 1, failureThreshold: STARTUP_SECONDS },
    livenessProbe: { ...get("/health/live"), periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { ...get("/health/ready"), periodSeconds: 5, failureThreshold: 2 },
  };
}
