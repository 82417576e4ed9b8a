/** What was changed by hand, and what a deploy has left. */
import { drifted, fault, noEndpoints, type Fault } from "./fault.ts";
import { at, change, object, plusAround } from "./snapshot.ts";

export const CHANGE_FAULTS: readonly Fault[] = [
  fault(
    "policy-changed",
    "a NetworkPolicy that lost an edge",
    [
      drifted("NetworkPolicy", "backend"),
      () => ({ inside: { pod: "backend-1-a", dns: "", database: "connection timeout expired" } }),
    ],
    /NetworkPolicy backend was changed by hand.*spec\.x: 1 → 2.*make heal STAGE=dev/s,
    ["database-unreachable"],
  ),
  fault(
    "policy-around",
    "a policy in kube-system that denies all",
    [
      plusAround(
        object("NetworkPolicy", "lock-down", {
          metadata: { namespace: "kube-system" },
          spec: { podSelector: {}, policyTypes: ["Ingress"] },
        }),
      ),
    ],
    /NetworkPolicy lock-down in namespace kube-system cuts off the name service/,
  ),
  fault(
    "policy-around",
    "a policy beside the ingress controller that denies all",
    [
      plusAround(
        object("NetworkPolicy", "lock-down", {
          metadata: { namespace: "ingress-nginx" },
          spec: { podSelector: { matchLabels: { app: "traefik" } }, policyTypes: ["Egress"] },
        }),
      ),
    ],
    /in namespace ingress-nginx cuts off the proxies/,
  ),
  fault(
    "object-gone",
    "a Service that was deleted",
    [drifted("Service", "frontend-peers", { gone: true })],
    /Service frontend-peers is gone/,
  ),
  fault(
    "secret-changed",
    "a Secret that was changed",
    [drifted("Secret", "secrets-frontend-1")],
    /Secret secrets-frontend-1.*differs, values not shown/s,
  ),
  fault(
    "stopped-by-hand",
    "a Deployment that was scaled to 0",
    [
      change("Deployment", "frontend", (found) =>
        Object.assign(found, { spec: { replicas: 0 }, status: { observedGeneration: 1 } }),
      ),
      noEndpoints("frontend"),
      drifted("Deployment", "frontend"),
    ],
    /frontend is scaled to 0.*by kubectl-patch.*make heal STAGE=dev puts the change back; or kubectl .* scale deployment\/frontend --replicas 2/s,
    ["service-without-endpoints"],
  ),
  fault(
    "stopped-by-hand",
    "a paused Deployment",
    [change("Deployment", "backend", (found) => (found.spec.paused = true))],
    /rollout resume deployment\/backend/,
  ),
  fault(
    "lock-left",
    "a lock of a dead command",
    [
      () => ({
        lock: { owner: "ana@here, process 4711, since x", dead: true },
        pending: ["creating Deployment backend"],
      }),
    ],
    /process 4711.*pulumi cancel/s,
    ["deploy-interrupted"],
  ),
  fault(
    "deploy-interrupted",
    "a deploy that was killed",
    [() => ({ pending: ["creating Deployment backend"] })],
    /creating Deployment backend.*make up/s,
  ),
  fault(
    "stuck-terminating",
    "a pod with a finalizer",
    [
      change("Pod", "frontend-1-a", ({ metadata }) =>
        Object.assign(metadata, { deletionTimestamp: at(-30), finalizers: ["example.com/hold"] }),
      ),
    ],
    /example\.com\/hold.*patch pod\/frontend-1-a/s,
  ),
  fault(
    "stuck-terminating",
    "a claim that a pod uses",
    [
      change("PersistentVolumeClaim", "postgres-data", ({ metadata }) =>
        Object.assign(metadata, {
          deletionTimestamp: at(-30),
          finalizers: ["kubernetes.io/pvc-protection"],
        }),
      ),
    ],
    /pods still use it: postgres-0/,
  ),
];
