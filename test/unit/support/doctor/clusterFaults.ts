/** Faults of the cluster and of the namespace. */
import {
  fault,
  condition,
  setCondition,
  refusedSet,
  notReady,
  unhealthy,
  noEndpoints,
  autoscaler,
  type Fault,
} from "./fault.ts";
import { NAMESPACE, NOW, at, change, object, plus, plusAround, without } from "./snapshot.ts";

export const CLUSTER_FAULTS: readonly Fault[] = [
  fault(
    "node-lost",
    "a node whose kubelet does not report",
    [
      setCondition(
        "Node",
        "node1",
        condition("Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."),
      ),
      noEndpoints("postgres"),
      change("StatefulSet", "postgres", (set) => (set.status.readyReplicas = 0)),
    ],
    /node node1 is not ready.*Kubelet stopped posting node status.*postgres-0.*describe node node1/s,
    ["database-down", "service-without-endpoints"],
  ),
  fault(
    "nodes-cordoned",
    "a drain that was not ended, of all nodes",
    ["node1", "node2"].map((name) =>
      change("Node", name, (node) => (node.spec = { unschedulable: true })),
    ),
    /kubectl --context minikube uncordon node1 node2/,
  ),
  fault(
    "clock-skew",
    "a clock of this machine that is wrong",
    [() => ({ here: NOW - 90_000 })],
    /this machine is 90 s behind/,
  ),
  fault(
    "clock-skew",
    "a clock of a node that is ahead",
    [change("Lease", "node2", (lease) => (lease.spec.renewTime = at(300)))],
    /node node2 is about 300 s ahead/,
  ),
  fault(
    "clock-skew",
    "a clock of a node that is behind",
    [change("Lease", "node2", (lease) => (lease.spec.renewTime = at(-600)))],
    /node node2 is about 600 s behind/,
  ),
  fault(
    "dns-down",
    "a name service that was scaled to 0",
    [
      change("EndpointSlice", "kube-dns-x", (slice) => (slice.endpoints = null)),
      change("Deployment", "coredns", (found) =>
        Object.assign(found, { spec: { replicas: 0 }, status: {} }),
      ),
      () => ({
        inside: {
          pod: "backend-1-a",
          dns: "postgres: Temporary failure in name resolution",
          database: "failed to resolve host",
        },
      }),
      notReady,
      unhealthy,
    ],
    /scaled to 0.*--namespace kube-system scale deployment\/coredns/s,
    ["dns-blocked", "workload-not-ready"],
  ),
  fault(
    "webhook-down",
    "a webhook without pods",
    [
      plusAround(
        object("ValidatingWebhookConfiguration", "guard", {
          webhooks: [
            {
              name: "guard.example.com",
              failurePolicy: "Fail",
              clientConfig: { service: { namespace: "guard", name: "guard" } },
              namespaceSelector: {
                matchExpressions: [
                  {
                    key: "kubernetes.io/metadata.name",
                    operator: "NotIn",
                    values: ["kube-system"],
                  },
                ],
              },
            },
          ],
        }),
      ),
      refusedSet('Internal error occurred: failed calling webhook "guard.example.com"'),
    ],
    /guard\.example\.com does not answer.*guard\/guard does not exist/s,
    ["pod-refused"],
  ),
  fault(
    "metrics-down",
    "a metrics API that is not available",
    [
      plus(
        autoscaler(
          condition("ScalingActive", "False", "FailedGetResourceMetric", "unable to fetch metrics"),
        ),
      ),
      setCondition(
        "APIService",
        "v1beta1.metrics.k8s.io",
        condition("Available", "False", "MissingEndpoints", "endpoints have no addresses"),
      ),
    ],
    /metrics server is down.*MissingEndpoints/s,
    ["hpa-without-metrics"],
  ),
  fault(
    "cluster-lacks",
    "an IngressClass that is gone",
    [
      () => ({
        needs: [
          { missing: 'IngressClass "nginx"', fix: "minikube addons enable ingress" },
          { warning: "x" },
        ],
      }),
    ],
    /lacks IngressClass "nginx".*minikube addons enable ingress/s,
  ),
  fault(
    "namespace-missing",
    "a stage that was never deployed",
    [without("Namespace", NAMESPACE), () => ({ objects: [] })],
    /make up STAGE=dev/,
  ),
  fault(
    "namespace-terminating",
    "a namespace that waits for a finalizer",
    [
      change("Namespace", NAMESPACE, (found) => {
        found.metadata.deletionTimestamp = at(-300);
        found.status = {
          phase: "Terminating",
          conditions: [
            condition(
              "NamespaceFinalizersRemaining",
              "True",
              "SomeFinalizersRemain",
              "example.com/hold in 1 resource instances",
            ),
          ],
        };
      }),
      plus(object("ConfigMap", "held", { metadata: { finalizers: ["example.com/hold"] } })),
    ],
    /can't end.*ConfigMap\/held \(example\.com\/hold\).*patch configmap\/held --type merge/s,
  ),
];
