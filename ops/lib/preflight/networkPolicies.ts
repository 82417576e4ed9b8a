/** Whether a cluster enforces NetworkPolicies. The API stores them also where nothing does. */
import { itemsOf, type Cluster } from "./clusterApi.ts";

interface DaemonSet {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly image: string;
          readonly args?: readonly string[];
        }[];
      };
    };
  };
}

interface Node {
  readonly status: { readonly nodeInfo: { readonly kubeletVersion: string } };
}

/** The DaemonSets of engines that enforce NetworkPolicies with any settings. */
const ENGINES = [
  "anetd", // GKE Dataplane V2
  "antrea-agent",
  "azure-npm",
  "calico-node",
  "canal",
  "cilium",
  "kube-network-policies",
  "kube-ovn-cni",
  "kube-router",
  "ovnkube-node",
  "rke2-canal",
  "weave-net",
];

/** The kindnet of kind 0.24, the first that enforces NetworkPolicies. */
const KINDNET_ENFORCES_FROM = 20240813;

function enforces({ metadata, spec }: DaemonSet): boolean {
  const { containers } = spec.template.spec;
  switch (metadata.name) {
    case "aws-node": // the VPC CNI of AWS, which enforces them where its agent is switched on
      return containers.some(({ args }) => args?.includes("--enable-network-policy=true"));
    case "kindnet":
      return containers.some(
        ({ image }) => Number(/:v(\d{8})/.exec(image)?.[1]) >= KINDNET_ENFORCES_FROM,
      );
    default:
      return ENGINES.includes(metadata.name);
  }
}

/** k3s has an engine built in, for which there is no DaemonSet. */
const isK3s = ({ status }: Node) => status.nodeInfo.kubeletVersion.includes("+k3s");

const REMEDY: Readonly<Record<Exclude<Cluster["kind"], "local">, string>> = {
  minikube: "For a cluster that has one: minikube delete && minikube start --cni calico",
  other:
    "A managed cluster has one to switch on; for others: https://kubernetes.io/docs/tasks/administer-cluster/network-policy-provider/",
};

/** The warning for the operator; undefined where an engine was recognised. */
export async function networkPolicyWarning(cluster: Cluster): Promise<string | undefined> {
  // The local cluster has an engine, kube-router, which runs on the nodes and not in pods.
  if (cluster.kind === "local") return undefined;
  const [daemonSets, nodes] = await Promise.all([
    cluster.read("/apis/apps/v1/daemonsets"),
    cluster.read("/api/v1/nodes?limit=1"),
  ]);
  if ((itemsOf(daemonSets) as readonly DaemonSet[]).some(enforces)) return undefined;
  if ((itemsOf(nodes) as readonly Node[]).some(isK3s)) return undefined;
  const said =
    daemonSets.state === "unknown"
      ? `could not look for an engine that enforces NetworkPolicies (${daemonSets.reason})`
      : "no engine that enforces NetworkPolicies was recognised (Calico, Cilium, Antrea and the like)";
  // Only a warning: a provider may enforce policies by means that the cluster does not show.
  return `${said}; without one, the pods' NetworkPolicies are stored, but stop nothing. ${REMEDY[cluster.kind]}`;
}
