/** Faults of the route, of scaling, of drains and of backups. */
import {
  fault,
  condition,
  setCondition,
  certificate,
  job,
  autoscaler,
  cronJob,
  type Fault,
} from "./fault.ts";
import { at, change, object, plus, without } from "./snapshot.ts";

/** A CloudNativePG cluster that can't archive its write-ahead log. */
const archiving = (message: string) =>
  object("Cluster", "postgres", {
    status: {
      conditions: [
        condition("ContinuousArchiving", "False", "ContinuousArchivingFailing", message),
      ],
    },
  });

export const ROUTE_FAULTS: readonly Fault[] = [
  fault(
    "controller-down",
    "a controller without pods",
    [
      without("Pod", "traefik-1"),
      change("Deployment", "traefik", (found) => (found.spec.replicas = 0)),
    ],
    /\(nginx\) is down.*--namespace ingress-nginx scale deployment\/traefik/s,
  ),
  fault(
    "issuer-not-ready",
    "an issuer that does not exist",
    [plus(...certificate({}, "other"))],
    /there is no Issuer other/,
  ),
  fault(
    "issuer-not-ready",
    "an issuer whose authority does not answer",
    [
      plus(...certificate({})),
      setCondition(
        "Issuer",
        "acme",
        condition(
          "Ready",
          "False",
          "ErrRegisterACMEAccount",
          "Failed to register ACME account: connection refused",
        ),
      ),
    ],
    /Issuer acme is not ready.*ErrRegisterACMEAccount/s,
  ),
  fault(
    "certificate-expired",
    "a certificate that has expired",
    [
      plus(
        ...certificate({
          notAfter: at(-60),
          conditions: [condition("Ready", "False", "Expired", "Certificate expired")],
        }),
      ),
    ],
    /todo-app has expired/,
    ["certificate-not-issued"],
  ),
  fault(
    "certificate-expired",
    "a certificate that was not renewed in time",
    [
      plus(
        ...certificate({
          notAfter: at(900_000),
          renewalTime: at(-200_000),
          conditions: [condition("Ready", "True", "Ready")],
        }),
      ),
    ],
    /not renewed in time/,
  ),
  fault(
    "certificate-not-issued",
    "a challenge that can't be met",
    [
      plus(
        ...certificate({
          conditions: [
            condition("Issuing", "True", "DoesNotExist"),
            condition(
              "Ready",
              "False",
              "DoesNotExist",
              "Issuing certificate as Secret does not exist",
            ),
          ],
        }),
        object("Order", "todo-app-1", { status: { state: "pending" } }),
        object("Challenge", "todo-app-1-1", {
          spec: { dnsName: "todo-app.com" },
          status: {
            state: "pending",
            reason:
              "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'",
          },
        }),
      ),
    ],
    /must lead to this cluster.*challenge for todo-app\.com: pending: Waiting for HTTP-01/s,
  ),
  fault(
    "certificate-not-issued",
    "an order that the authority has refused",
    [
      plus(
        ...certificate({ conditions: [condition("Ready", "False", "DoesNotExist")] }),
        object("Order", "todo-app-1", {
          status: { state: "invalid", reason: "too many certificates" },
        }),
      ),
    ],
    /order todo-app-1: invalid: too many certificates/,
  ),
  fault(
    "gateway-not-programmed",
    "a Gateway that is not programmed",
    [
      plus(
        object("Gateway", "edge", {
          status: {
            conditions: [condition("Programmed", "False", "AddressNotAssigned", "no address")],
          },
        }),
      ),
    ],
    /Gateway edge is not served.*AddressNotAssigned/s,
  ),
  fault(
    "gateway-not-programmed",
    "an HTTPRoute that is not accepted",
    [
      plus(
        object("HTTPRoute", "todo-app", {
          status: {
            parents: [{ conditions: [condition("Accepted", "False", "NoMatchingParent")] }],
          },
        }),
      ),
    ],
    /HTTPRoute todo-app is not served.*NoMatchingParent/s,
  ),
  fault(
    "route-without-address",
    "an Ingress that nobody serves",
    [change("Ingress", "todo-app", (found) => (found.status = {}))],
    /Ingress todo-app has no address/,
  ),
  fault(
    "host-elsewhere",
    "a name that leads elsewhere",
    [() => ({ host: { name: "todo-app.local", addresses: ["198.51.100.1"], answers: false } })],
    /198\.51\.100\.1; the Ingress has 192\.0\.2\.1/,
  ),
  fault(
    "host-elsewhere",
    "a name that is not known",
    [() => ({ host: { name: "todo-app.local", addresses: [], answers: false } })],
    /todo-app\.local is not known/,
  ),
  fault(
    "hpa-without-metrics",
    "an autoscaler without metrics",
    [
      plus(
        autoscaler(
          condition("ScalingActive", "False", "FailedGetResourceMetric", "missing request for cpu"),
        ),
      ),
    ],
    /missing request for cpu/,
  ),
  fault(
    "hpa-at-maximum",
    "an autoscaler at its maximum",
    [
      plus(
        autoscaler(
          condition(
            "ScalingLimited",
            "True",
            "TooManyReplicas",
            "the desired replica count is more than the maximum replica count",
          ),
        ),
      ),
    ],
    /maximum of 10 pods.*backend\.autoscaling\.maxReplicas/s,
  ),
  fault(
    "disruption-blocked",
    "a budget that lets no pod go",
    [change("PodDisruptionBudget", "backend", (found) => (found.status.disruptionsAllowed = 0))],
    /2 of 2 pods are healthy/,
  ),
  fault(
    "backup-suspended",
    "backups that are suspended",
    [plus(cronJob({ suspend: true }))],
    /patch cronjob backup/,
  ),
  fault(
    "backup-suspended",
    "backups of CloudNativePG that are suspended",
    [plus(object("ScheduledBackup", "postgres", { spec: { suspend: true } }))],
    /patch scheduledbackup postgres --type merge/,
  ),
  fault(
    "backup-failed",
    "a backup of CloudNativePG that has failed",
    [
      plus(
        object("Backup", "postgres-2", { status: { phase: "failed", error: "bucket refuses" } }),
      ),
    ],
    /postgres-2: bucket refuses/,
  ),
  fault(
    "backup-failed",
    "a write-ahead log that does not reach the bucket",
    [plus(archiving("connection refused"))],
    /the bucket does not answer.*logs --selector cnpg\.io\/cluster=postgres/s,
  ),
  fault(
    "backup-failed",
    "a folder in the bucket that an earlier cluster has used",
    [plus(archiving("WAL archive check failed: Expected empty archive"))],
    /of an earlier cluster of this name.*todo-app:backup\.s3\.prefix/s,
  ),
  fault(
    "backup-failed",
    "a backup that has failed",
    [plus(cronJob({ suspend: false })), job("backup-2", "backup", "no space left")],
    /log: no space left/,
  ),
  fault(
    "backup-failed",
    "a backup that is overdue",
    [
      plus(
        cronJob(
          { suspend: false },
          { lastScheduleTime: at(-20_000), lastSuccessfulTime: at(-100_000) },
        ),
      ),
    ],
    /due at .*the last that was made/,
  ),
];
