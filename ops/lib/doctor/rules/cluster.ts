/** The cluster itself: nodes, clocks, name service, admission webhooks, aggregated APIs, what it must bring. */
import type { Found, Rule } from "../finding.ts";
import {
  conditionText,
  isTrue,
  nameOf,
  readyEndpoints,
  selects,
  statusOf,
  type LiveObject,
} from "../objects.ts";
import { find, isHidden, kubectlOf, ofKind, parseTime, type Snapshot } from "../snapshot.ts";
import { NO_CONNECTION, NO_PODS } from "./pods.ts";

/** A difference of clocks that does harm: certificates and tokens are valid from a moment on. */
const SKEW_MS = 10_000;
/** A kubelet writes its lease every 10 s. */
const LEASE_MS = 60_000;

const ANY_POD_TROUBLE = [
  ...NO_PODS,
  "unschedulable",
  "crash-loop",
  "stuck-terminating",
  "quota-full",
  "controller-down",
  "metrics-down",
  "dns-down",
  "webhook-down",
  "hpa-without-metrics",
  "certificate-not-issued",
];

function lostNodes(snapshot: Snapshot): readonly Found[] {
  const { around, objects } = snapshot;
  return ofKind(around, "Node")
    .filter((node) => !isTrue(node, "Ready"))
    .map((node) => {
      const { name } = node.metadata;
      const pods = ofKind(objects, "Pod").filter(({ spec }) => spec?.nodeName === name);
      const ready = statusOf(node, "Ready");
      return {
        about: [nameOf(node)],
        problem: `node ${name} is not ready`,
        evidence: [
          ready ? conditionText(ready) : "its kubelet has never reported",
          `pods of the stage on it: ${pods.map(({ metadata }) => metadata.name).join(", ") || "none"}`,
        ],
        cause:
          ready?.status === "False"
            ? "its kubelet reports that it can't run pods"
            : "its kubelet does not report: the machine, its network or the kubelet is down",
        fix:
          `start the machine and its kubelet; ${kubectlOf(snapshot, false)} describe node ${name} shows more; ` +
          `if it is gone for good: ${kubectlOf(snapshot, false)} delete node ${name}`,
      };
    });
}

function cordonedNodes(snapshot: Snapshot): readonly Found[] {
  const nodes = ofKind(snapshot.around, "Node").filter((node) => isTrue(node, "Ready"));
  if (!nodes.length || !nodes.every(({ spec }) => spec?.unschedulable)) return [];
  const names = nodes.map(({ metadata }) => metadata.name);
  return [
    {
      about: nodes.map(nameOf),
      problem: "no node takes new pods",
      evidence: [`cordoned: ${names.join(", ")}`],
      cause: "every node that is ready is cordoned, for example by a drain that was not ended",
      fix: `${kubectlOf(snapshot, false)} uncordon ${names.join(" ")}`,
    },
  ];
}

function clocks(snapshot: Snapshot): readonly Found[] {
  const { here, now, around } = snapshot;
  const seconds = (difference: number) => `${Math.round(Math.abs(difference) / 1000)} s`;
  const side = (difference: number) => (difference > 0 ? "ahead" : "behind");
  const fix = (machine: string) =>
    `start the time service of ${machine}, and look at it with: timedatectl status`;
  const mine = here - now;
  const nodes = ofKind(around, "Lease").flatMap(({ metadata, spec }): Found[] => {
    if (metadata.namespace !== "kube-node-lease") return [];
    const node = find(around, "Node", metadata.name);
    const difference = parseTime(spec?.renewTime) - now;
    // A kubelet that is down leaves an old lease, too. Its node is not ready for long.
    const isBehind = difference < -LEASE_MS && node && isTrue(node, "Ready");
    if (difference <= SKEW_MS && !isBehind) return [];
    return [
      {
        about: [`Node/${metadata.name}`],
        problem: `the clock of node ${metadata.name} is about ${seconds(difference)} ${side(difference)}`,
        evidence: [
          `its lease says ${spec?.renewTime}, and the API server ${new Date(now).toISOString()}`,
        ],
        cause: "the clocks of the node and of the API server do not run alike",
        fix: fix(`node ${metadata.name}`),
      },
    ];
  });
  if (Math.abs(mine) <= SKEW_MS) return nodes;
  return [
    {
      problem: `the clock of this machine is ${seconds(mine)} ${side(mine)}`,
      evidence: [
        `this machine says ${new Date(here).toISOString()}, and the API server ${new Date(now).toISOString()}`,
      ],
      cause: "the clocks of this machine and of the API server do not run alike",
      fix: fix("this machine"),
    },
    ...nodes,
  ];
}

function dnsDown(snapshot: Snapshot): readonly Found[] {
  const { around } = snapshot;
  const service = { namespace: "kube-system", name: "kube-dns" };
  if (readyEndpoints(around, service) !== 0) return [];
  const deployments = ofKind(around, "Deployment").filter(
    ({ metadata }) =>
      metadata.namespace === service.namespace && metadata.labels?.["k8s-app"] === "kube-dns",
  );
  const stopped = deployments.find(({ spec }) => spec?.replicas === 0);
  return [
    {
      about: deployments.map(nameOf),
      problem: "the name service of the cluster is down",
      evidence: [
        "Service kube-system/kube-dns has no ready endpoint",
        ...deployments.map(
          ({ metadata, spec, status }) =>
            `Deployment ${metadata.name} has ${status?.readyReplicas ?? 0} ready of ${spec?.replicas} pods`,
        ),
      ],
      cause: stopped ? "it was scaled to 0" : "none of its pods is ready",
      fix: stopped
        ? `${kubectlOf(snapshot, false)} --namespace kube-system scale deployment/${stopped.metadata.name} --replicas 2`
        : `${kubectlOf(snapshot, false)} --namespace kube-system describe pods --selector k8s-app=kube-dns`,
    },
  ];
}

/** Webhooks that must answer before an object of the namespace is created, and whose Service can't. */
function webhooksDown(snapshot: Snapshot): readonly Found[] {
  const { around, namespace } = snapshot;
  const labels = find(around, "Namespace", namespace)?.metadata.labels;
  return ofKind(around, "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration").flatMap(
    (configuration) =>
      (configuration.webhooks ?? []).flatMap((webhook): Found[] => {
        const { service } = webhook.clientConfig;
        if (!service || webhook.failurePolicy === "Ignore") return [];
        if (!selects(webhook.namespaceSelector ?? {}, labels)) return [];
        const ready = readyEndpoints(around, service);
        const reads = ["services", "endpointslices"];
        if (ready || reads.some((each) => isHidden(snapshot, each, service.namespace))) return [];
        const where = `${service.namespace}/${service.name}`;
        return [
          {
            about: [nameOf(configuration)],
            problem: `the admission webhook ${webhook.name} does not answer`,
            evidence: [
              ready === 0
                ? `its Service ${where} has no ready endpoint`
                : `its Service ${where} does not exist`,
            ],
            cause: "the API server refuses every request that it has to ask this webhook about",
            fix:
              `start what serves ${where}; if it was removed for good: ` +
              `${kubectlOf(snapshot, false)} delete ${configuration.kind.toLowerCase()} ${configuration.metadata.name}`,
          },
        ];
      }),
  );
}

const METRICS = "v1beta1.metrics.k8s.io";

function metricsDown(snapshot: Snapshot): readonly Found[] {
  const { around, objects } = snapshot;
  if (!ofKind(objects, "HorizontalPodAutoscaler").length) return [];
  const services = ofKind(around, "APIService");
  const api = find(around, "APIService", METRICS);
  if (!services.length || (api && isTrue(api, "Available"))) return [];
  const available = api && statusOf(api, "Available");
  return [
    {
      about: [`APIService/${METRICS}`],
      problem: "the metrics API does not answer, so autoscalers see no load",
      evidence: [available ? conditionText(available) : `there is no APIService ${METRICS}`],
      cause: api ? "the metrics server is down" : "no metrics server is installed",
      fix: api
        ? `${kubectlOf(snapshot, false)} --namespace ${api.spec?.service?.namespace} get deployments,pods`
        : `make preflight STAGE=${snapshot.stage} names the command that installs it`,
    },
  ];
}

/** What preflight finds missing. The metrics API has a rule of its own. */
const lacks = ({ needs }: Snapshot): readonly Found[] =>
  needs.flatMap((need) => {
    if (!("missing" in need) || /^the metrics API/.test(need.missing)) return [];
    return [
      {
        problem: `the cluster lacks ${need.missing}`,
        evidence: [],
        cause: "it was removed, or never installed",
        fix: need.fix,
      },
    ];
  });

export const isDnsPod = ({ metadata }: LiveObject) =>
  metadata.namespace === "kube-system" && metadata.labels?.["k8s-app"] === "kube-dns";

export const CLUSTER_RULES: readonly Rule[] = [
  {
    name: "node-lost",
    knows: "a node is not ready",
    explains: ANY_POD_TROUBLE,
    find: lostNodes,
  },
  {
    name: "nodes-cordoned",
    knows: "every node is cordoned",
    explains: ["unschedulable", ...NO_PODS, "dns-down", "controller-down"],
    find: cordonedNodes,
  },
  {
    name: "clock-skew",
    knows: "the clock of this machine or of a node is wrong",
    explains: ["certificate-not-issued", "certificate-expired", "issuer-not-ready"],
    find: clocks,
  },
  {
    name: "dns-down",
    knows: "the name service of the cluster is down",
    explains: [...NO_CONNECTION, "issuer-not-ready"],
    find: dnsDown,
  },
  {
    name: "webhook-down",
    knows: "an admission webhook that must be asked does not answer",
    explains: ["pod-refused", ...NO_PODS, "certificate-not-issued"],
    find: webhooksDown,
  },
  {
    name: "metrics-down",
    knows: "the metrics API is down, with an autoscaler in the stage",
    explains: ["hpa-without-metrics", "namespace-terminating"],
    find: metricsDown,
  },
  {
    name: "cluster-lacks",
    knows:
      "what preflight asks for is missing: a class of routes or storage, cert-manager, a Secret",
    explains: [
      "volume-pending",
      "unschedulable",
      "route-without-address",
      "gateway-not-programmed",
    ],
    find: lacks,
  },
];
