/** Faults of the cluster: nodes, clocks, name service, webhooks, metrics, namespaces. */
import { readFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import { daemon } from "../machine.ts";
import { sh } from "../shell.ts";
import {
  NAMESPACE,
  all,
  created,
  file,
  kubectl,
  metadata,
  patched,
  replace,
  scaledIn,
  type Fault,
} from "./fault.ts";

const LOST = "todo-node3";
const lostNode: Fault["cause"] = async (undo) => {
  undo(async () => {
    await sh("make cluster");
    await kubectl(`wait node ${LOST} --for condition=Ready --timeout 180s`);
  });
  await daemon(`${LOST}-kubelet`).kill();
};

const cordoned: Fault["cause"] = async (undo) => {
  const nodes = (await kubectl("get nodes --output name")).replaceAll("\n", " ");
  undo(() => kubectl(`uncordon ${nodes}`));
  await kubectl(`cordon ${nodes}`);
};

const webhook = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name: "doctor" },
  webhooks: [
    {
      name: "doctor.example.com",
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      timeoutSeconds: 1,
      clientConfig: { service: { namespace: "kube-system", name: "no-such-service" } },
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": NAMESPACE } },
      rules: [
        { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] },
      ],
    },
  ],
};

const autoscaler = (name: string, minReplicas: number, averageUtilization: number) => ({
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: metadata(name),
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "backend" },
    minReplicas,
    maxReplicas: 2,
    metrics: [
      {
        type: "Resource",
        resource: { name: "cpu", target: { type: "Utilization", averageUtilization } },
      },
    ],
  },
});

/** A lease that says that it is an hour later. A node of its own has it, because kubelets correct theirs. */
const fastNode: Fault["cause"] = async (undo) => {
  const name = "doctor-fast-clock";
  undo(() => kubectl(`delete node ${name} --ignore-not-found`));
  undo(() => kubectl(`delete lease ${name} --ignore-not-found`, "kube-node-lease"));
  const node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name },
    spec: { unschedulable: true },
  };
  const lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace: "kube-node-lease" },
    spec: {
      holderIdentity: name,
      leaseDurationSeconds: 40,
      renewTime: new Date(Date.now() + 3_600_000).toISOString().replace("Z", "000Z"),
    },
  };
  await kubectl(`create --filename ${file(node)}`);
  await kubectl(`create --filename ${file(lease)}`, "kube-node-lease");
  const condition = { type: "Ready", status: "True", reason: "KubeletReady", message: "ready" };
  const status = file({ status: { conditions: [condition] } });
  await kubectl(`patch node ${name} --subresource status --patch-file ${status}`);
};

export const CLUSTER_FAULTS: readonly Fault[] = [
  { name: "a node whose kubelet is dead", rule: "node-lost", seconds: 120, cause: lostNode },
  { name: "nodes that are all cordoned", rule: "nodes-cordoned", cause: cordoned },
  {
    name: "a clock of this machine that is an hour ahead",
    rule: "clock-skew",
    says: /this machine is 3\d\d\d s ahead/,
    cause: () => Promise.resolve(),
    env: () => ({
      NODE_OPTIONS: `--import ${file("const now = Date.now; Date.now = () => now() + 3_600_000;", "mjs")}`,
    }),
  },
  {
    name: "a clock of a node that is an hour ahead",
    rule: "clock-skew",
    says: /node doctor-fast-clock/,
    cause: fastNode,
  },
  {
    name: "a name service that is down",
    rule: "dns-down",
    cause: scaledIn("kube-system", "coredns"),
  },
  {
    name: "a webhook whose Service does not exist",
    rule: "webhook-down",
    says: /doctor\.example\.com/,
    cause: created(webhook),
  },
  {
    name: "an autoscaler without the metrics server",
    rule: "metrics-down",
    cause: all(created(autoscaler("doctor", 2, 99)), scaledIn("kube-system", "metrics-server")),
  },
  {
    name: "an autoscaler at its maximum",
    rule: "hpa-at-maximum",
    seconds: 120,
    cause: created(autoscaler("doctor", 2, 1)),
  },
  {
    name: "a budget that lets no pod go",
    rule: "disruption-blocked",
    cause: patched("poddisruptionbudget/backend", replace("/spec/maxUnavailable", 0)),
  },
  {
    name: "a namespace that can't end",
    rule: "namespace-terminating",
    says: /example\.com\/hold/,
    file: () => {
      const { config, ...more } = parse(readFileSync("Pulumi.dev.yaml", "utf8"));
      const changed = { ...more, config: { ...config, "todo-app:namespace": "todo-app-doctor" } };
      return file(stringify(changed), "yaml");
    },
    cause: async (undo) => {
      const namespace = "todo-app-doctor";
      const held = { metadata: { finalizers: ["example.com/hold"] } };
      undo(() => kubectl(`delete namespace ${namespace} --ignore-not-found --timeout 60s`));
      await kubectl(`create namespace ${namespace}`);
      undo(() =>
        kubectl(
          `patch configmap held --type merge --patch '{"metadata":{"finalizers":null}}'`,
          namespace,
        ),
      );
      await kubectl("create configmap held", namespace);
      await kubectl(`patch configmap held --type merge --patch-file ${file(held)}`, namespace);
      await kubectl(`delete namespace ${namespace} --wait=false`);
    },
  },
];
