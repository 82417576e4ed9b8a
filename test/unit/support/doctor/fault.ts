/** Faults of a stage as its API shows them, and what they have in common. */
import type { DriftedObject } from "../../../../ops/lib/drift/drift.ts";
import {
  at,
  change,
  container,
  healthy,
  made,
  object,
  plus,
  warning,
  type Change,
} from "./snapshot.ts";

export interface Fault {
  readonly name: string;
  readonly rule: string;
  readonly snapshot: () => ReturnType<typeof healthy>;
  /** What the first finding says. */
  readonly says: RegExp;
  /** Rules whose findings are below the first one. @default none */
  readonly follows?: readonly string[];
}

const OWNER = { manager: "kubectl-patch", operation: "Update", time: at(-60) };

export const drifted = (kind: string, name: string, more: Partial<DriftedObject> = {}): Change => {
  const fields = more.gone
    ? []
    : [{ path: "spec.x", expected: 1, actual: 2, secret: kind === "Secret", owner: OWNER }];
  return ({ drift = [] }) => ({
    drift: [...drift, { kind, name, gone: false, holdsData: false, fields, ...more }],
  });
};

export const fault = (
  rule: string,
  name: string,
  changes: readonly Change[],
  says: RegExp,
  follows: readonly string[] = [],
): Fault => ({ rule, name, snapshot: () => made(...changes), says, follows });

export const condition = (type: string, status: string, reason: string, message = "") => ({
  type,
  status,
  reason,
  message,
});

export const setCondition = (kind: string, name: string, ...conditions: object[]) =>
  change(kind, name, (found) => (found.status = { ...found.status, conditions }));

export const refusedSet = (message: string) =>
  setCondition(
    "ReplicaSet",
    "backend-1",
    condition("ReplicaFailure", "True", "FailedCreate", message),
  );

export const notReady: Change = ({ objects }) => ({
  objects: objects.map((each) =>
    each.kind === "Pod" && each.metadata.name === "backend-1-b"
      ? {
          ...each,
          status: {
            phase: "Running",
            containerStatuses: [container("backend", { ready: false })],
          } as any,
        }
      : each,
  ),
});
export const unhealthy = plus(
  warning(
    "Pod/backend-1-b",
    "Unhealthy",
    "Readiness probe failed: HTTP probe failed with statuscode: 503",
  ),
);

export const noEndpoints = (name: string) =>
  change(
    "EndpointSlice",
    `${name}-x`,
    (slice) => (slice.endpoints = [{ conditions: { ready: false } }]),
  );

export const certificate = (status: object, issuer = "acme") => [
  object("Issuer", "acme", {
    status: { conditions: [condition("Ready", "True", "ACMEAccountRegistered")] },
  }),
  object("Certificate", "todo-app", {
    spec: { issuerRef: { kind: "Issuer", name: issuer } },
    status,
  }),
];

export const job =
  (name: string, workload: string, log: string): Change =>
  (snapshot) => ({
    objects: [
      ...snapshot.objects,
      object("Job", name, {
        metadata: { labels: { "app.kubernetes.io/name": workload }, creationTimestamp: at(-50) },
        status: {
          conditions: [
            condition(
              "Failed",
              "True",
              "BackoffLimitExceeded",
              "Job has reached the specified backoff limit",
            ),
          ],
        },
      }),
    ],
    logs: { ...snapshot.logs, [`${name}-abcde/${workload}`]: [log] },
  });

export const autoscaler = (...conditions: object[]) =>
  object("HorizontalPodAutoscaler", "backend", {
    spec: { maxReplicas: 10 },
    status: { conditions },
  });
export const cronJob = (spec: object, status: object = {}) =>
  object("CronJob", "backup", { spec, status });
