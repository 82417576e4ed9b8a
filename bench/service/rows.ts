/** What is written down of a scenario. */
import type { Outcome } from "../../test/e2e/support/load.ts";

/** What is measured of the running app, and what each scenario is. */
export const SCENARIOS = {
  deploy: "first `make up`; the images exist",
  "backend ready": "a pod of the backend, from its creation; the slowest of four",
  "frontend ready": "the same of the frontend",
  "light load": "requests for the page and for the tasks, on 2 connections with pauses",
  "full load": "the same on 8 connections without a pause",
  rollout: "all pods of both services are replaced",
  "backend killed": "a pod is killed; until another one is ready in its place",
  "frontend killed": "the same of the frontend",
  "database ended": "the pod of the database is ended; until it, and all others, are ready",
  "missing image":
    "the image of a release does not exist; from the first sign of it until `make up` says so",
  "2 to 4 pods":
    "load of more than 70 % of the CPU requested; until the autoscaler has made two more pods ready",
} as const;

/** The name of a scenario. */
export type Scenario = keyof typeof SCENARIOS;

/** A line of the results. What a scenario does not have is empty. */
export type ServiceRow = Readonly<
  { readonly scenario: Scenario } & Record<
    "seconds" | "requests" | "failed" | "gap_ms" | "p50_ms" | "p95_ms" | "p99_ms",
    string
  >
>;

/** What was measured of a scenario. */
export interface Measured {
  readonly seconds: number;
  /** What became of the requests that were sent meanwhile. @default none were */
  readonly outcome?: Outcome;
}

/** The time within which that share of the successful requests was answered. @param sorted in ascending order */
function within(share: number, sorted: readonly number[]): string {
  return String(sorted[Math.ceil(share * sorted.length) - 1] ?? "");
}

/** The line of a scenario. */
export function serviceRow(scenario: Scenario, { seconds, outcome }: Measured): ServiceRow {
  const times = outcome?.milliseconds ?? [];
  return {
    scenario,
    seconds: seconds.toFixed(1),
    requests: outcome ? String(outcome.requests) : "",
    failed: outcome ? String(outcome.failures.length) : "",
    gap_ms: outcome ? String(outcome.gapMilliseconds) : "",
    p50_ms: within(0.5, times),
    p95_ms: within(0.95, times),
    p99_ms: within(0.99, times),
  };
}
