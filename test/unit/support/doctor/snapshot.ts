/** A healthy stage as the doctor sees it, and changes of it that look as Kubernetes reports them. */
import { effectiveConfig } from "../../../../ops/lib/stage.ts";
import { readYaml } from "../../../../ops/lib/yaml.ts";
import type { LiveObject } from "../../../../ops/lib/doctor/objects.ts";
import type { Snapshot } from "../../../../ops/lib/doctor/snapshot.ts";

export const NAMESPACE = "todo-app-dev";
export const NOW = Date.parse("2026-03-02T14:00:00Z");
export const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString();

const partOf = (name: string) => ({
  "app.kubernetes.io/name": name,
  "app.kubernetes.io/part-of": "todo-app",
});

/** An object of the stage. Its uid is `<kind>/<name>`. */
export const object = (kind: string, name: string, more: any = {}): LiveObject => ({
  kind,
  ...more,
  metadata: {
    name,
    namespace: NAMESPACE,
    uid: `${kind}/${name}`,
    creationTimestamp: at(-3600),
    ...more.metadata,
  },
});

const owned = (uid: string) => ({ ownerReferences: [{ uid, controller: true }] });
const REVISION = { "deployment.kubernetes.io/revision": "1" };

export const container = (name: string, more: object = {}) => ({
  name,
  ready: true,
  started: true,
  restartCount: 0,
  state: { running: { startedAt: at(-3000) } },
  lastState: {},
  ...more,
});

const pod = (workload: string, name: string, owner: string, volumes: object[] = []) =>
  object("Pod", name, {
    metadata: { labels: partOf(workload), ...owned(owner) },
    spec: {
      nodeName: "node1",
      volumes,
      containers: [{ name: workload, readinessProbe: { periodSeconds: 5, failureThreshold: 2 } }],
    },
    status: {
      phase: "Running",
      conditions: [{ type: "Ready", status: "True" }],
      containerStatuses: [container(workload)],
    },
  });

const deployment = (name: string) => [
  object("Deployment", name, {
    metadata: { generation: 1, annotations: REVISION, labels: partOf(name) },
    spec: { replicas: 2, selector: { matchLabels: partOf(name) } },
    status: {
      observedGeneration: 1,
      replicas: 2,
      readyReplicas: 2,
      conditions: [{ type: "Available", status: "True", lastTransitionTime: at(-3000) }],
    },
  }),
  object("ReplicaSet", `${name}-1`, {
    metadata: { annotations: REVISION, ...owned(`Deployment/${name}`) },
    status: {},
  }),
  pod(name, `${name}-1-a`, `ReplicaSet/${name}-1`),
  pod(name, `${name}-1-b`, `ReplicaSet/${name}-1`),
  object("PodDisruptionBudget", name, {
    status: { disruptionsAllowed: 1, expectedPods: 2, currentHealthy: 2 },
  }),
];

const ready = (isReady = true) => [{ conditions: { ready: isReady } }];
const service = (name: string, namespace = NAMESPACE, labels = {}) => [
  object("Service", name, { metadata: { namespace, labels }, spec: { selector: partOf(name) } }),
  object("EndpointSlice", `${name}-x`, {
    metadata: { namespace, labels: { "kubernetes.io/service-name": name } },
    endpoints: ready(),
  }),
];

const OWN: readonly LiveObject[] = [
  ...["backend", "frontend"].flatMap(deployment),
  ...["backend", "frontend", "postgres"].flatMap((name) => service(name)),
  object("StatefulSet", "postgres", {
    metadata: { generation: 1, labels: partOf("postgres") },
    spec: { replicas: 1 },
    status: { observedGeneration: 1, readyReplicas: 1, updateRevision: "" },
  }),
  pod("postgres", "postgres-0", "StatefulSet/postgres", [
    { name: "data", persistentVolumeClaim: { claimName: "postgres-data" } },
  ]),
  object("PersistentVolumeClaim", "postgres-data", {
    spec: { storageClassName: "standard" },
    status: { phase: "Bound", capacity: { storage: "1Gi" } },
  }),
  object("Job", "migration-1a2b3c4d", {
    metadata: { labels: partOf("migration") },
    status: { conditions: [{ type: "Complete", status: "True" }] },
  }),
  object("ResourceQuota", "todo-app", { spec: { hard: { pods: "13" } } }),
  object("Ingress", "todo-app", {
    status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
  }),
];

const neighbour = (namespace: string, name: string, labels: object) => [
  object("Deployment", name, {
    metadata: { namespace, labels },
    spec: { replicas: 1 },
    status: { readyReplicas: 1 },
  }),
  object("Pod", `${name}-1`, {
    metadata: { namespace, labels },
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
  }),
];

const DNS = { "k8s-app": "kube-dns" };
const inCluster = (kind: string, name: string, more: any = {}) =>
  object(kind, name, { ...more, metadata: { namespace: undefined, ...more.metadata } });

const AROUND: readonly LiveObject[] = [
  ...["node1", "node2"].flatMap((name) => [
    inCluster("Node", name, {
      status: { conditions: [{ type: "Ready", status: "True", reason: "KubeletReady" }] },
    }),
    object("Lease", name, {
      metadata: { namespace: "kube-node-lease" },
      spec: { renewTime: at(-4) },
    }),
  ]),
  inCluster("StorageClass", "standard"),
  inCluster("APIService", "v1beta1.metrics.k8s.io", {
    spec: { service: { name: "metrics-server", namespace: "kube-system" } },
    status: { conditions: [{ type: "Available", status: "True" }] },
  }),
  ...[NAMESPACE, "kube-system", "ingress-nginx"].map((name) =>
    inCluster("Namespace", name, {
      metadata: { labels: { "kubernetes.io/metadata.name": name } },
      status: { phase: "Active" },
    }),
  ),
  ...service("kube-dns", "kube-system", DNS),
  ...neighbour("kube-system", "coredns", DNS),
  ...neighbour("ingress-nginx", "traefik", { app: "traefik" }),
];

/** A stage with which nothing is wrong. */
export const healthy = (): Snapshot => ({
  stage: "dev",
  context: "minikube",
  namespace: NAMESPACE,
  here: NOW + 400,
  now: NOW,
  config: effectiveConfig("dev", readYaml("Pulumi.dev.yaml").config ?? {}),
  objects: structuredClone(OWN),
  around: structuredClone(AROUND),
  logs: {},
  needs: [],
  volumes: [{ claim: "postgres-data", used: 300 * 2 ** 20, size: 1024 * 2 ** 20 }],
  inside: { pod: "backend-1-a", dns: "", database: "" },
  drift: [],
  pending: [],
  host: { name: "todo-app.local", addresses: ["192.0.2.1"], answers: true },
  unread: [],
});

/** A change of a snapshot. */
export type Change = (snapshot: Snapshot) => Partial<Snapshot>;

type Patch = (found: any) => void;
const patched = (objects: readonly LiveObject[], kind: string, name: string, patch: Patch) => {
  const found = objects.find((each) => each.kind === kind && each.metadata.name === name);
  if (!found) throw new Error(`no ${kind} ${name}`);
  patch(found);
  return { objects };
};

/** Changes an object of the stage, or beside it. */
export const change =
  (kind: string, name: string, patch: Patch): Change =>
  ({ objects, around }) => {
    if (objects.some((each) => each.kind === kind && each.metadata.name === name))
      patched(objects, kind, name, patch);
    else patched(around, kind, name, patch);
    return { objects, around };
  };

export const without =
  (kind: string, name: string): Change =>
  ({ objects, around }) => {
    const others = (each: LiveObject) => each.kind !== kind || each.metadata.name !== name;
    return { objects: objects.filter(others), around: around.filter(others) };
  };

export const plus =
  (...more: readonly LiveObject[]): Change =>
  ({ objects }) => ({ objects: [...objects, ...more] });

export const plusAround =
  (...more: readonly LiveObject[]): Change =>
  ({ around }) => ({ around: [...around, ...more] });

/** A warning about an object. */
export const warning = (about: string, reason: string, message: string): LiveObject =>
  object("Event", `${about.toLowerCase()}.${reason}`, {
    type: "Warning",
    reason,
    message,
    involvedObject: { uid: about, name: about.split("/")[1] },
    lastTimestamp: at(-20),
  });

/** A backend pod that has not come up: the newest one, with this state of its container. */
export const badPod = (state: object, status: object = {}): Change =>
  change("Pod", "backend-1-b", (pod) => {
    pod.status = {
      phase: "Pending",
      conditions: [],
      containerStatuses: [container("backend", { ready: false, started: false, ...state })],
      ...status,
    };
  });

export const waiting = (reason: string, message = "") => ({
  state: { waiting: { reason, message } },
});

export const made = (...changes: readonly Change[]): Snapshot =>
  changes.reduce((snapshot, each) => ({ ...snapshot, ...each(snapshot) }), healthy());
