/** Network connections, and the NetworkPolicy rules that allow exactly those. Everything else is denied by default. */
import type { types } from "@pulumi/kubernetes";
import { selectorLabels } from "./labels.ts";

/** One end of a connection. For the calling end too, `port` is the TCP port that is called. */
export type Peer =
  | WorkloadPeer
  | { readonly kind: "namespace"; readonly namespace: string; readonly port: number }
  | { readonly kind: "labels"; readonly labels: Labels; readonly port: number }
  | { readonly kind: "addresses"; readonly cidr: string; readonly port: number }
  | { readonly kind: "outside"; readonly port: number };

type Labels = Readonly<Record<string, string>>;

export interface WorkloadPeer {
  readonly kind: "workload";
  /** Name of the workload, and of its Service. */
  readonly workload: string;
  readonly port: number;
}

/** A workload of the same namespace. */
export const workload = (name: string, port: number): WorkloadPeer => ({
  kind: "workload",
  workload: name,
  port,
});

/** URL under which other pods of the namespace reach the Service of a workload. */
export const serviceUrl = ({ workload: name, port }: WorkloadPeer): string =>
  `http://${name}:${port}`;

/** The pods of another namespace, such as the ingress controller's. */
export const inNamespace = (namespace: string, port: number): Peer => ({
  kind: "namespace",
  namespace,
  port,
});

/** Pods of the same namespace that other controllers create, such as those of a Gateway. */
export const labelled = (labels: Labels, port: number): Peer => ({ kind: "labels", labels, port });

/** A range of IP addresses (CIDR), such as that of the nodes. */
export const addresses = (cidr: string, port: number): Peer => ({ kind: "addresses", cidr, port });

/**
 * Any IP address, on one port. Cilium departs from the API's definition: it does not match pods and nodes by address.
 */
export const outside = (port: number): Peer => ({ kind: "outside", port });

/**
 * The calling end: the name of a workload of the stack, or a function that returns the peers that may call a given
 * port.
 */
type Caller = string | ((port: number) => readonly Peer[]);

/**
 * Allowed connections. The NetworkPolicies of both ends are derived from them, so that no two lists must be kept equal.
 */
export interface Call {
  readonly from: Caller;
  readonly to: readonly Peer[];
}

/** The part of `calls` that concerns one workload: the peers that may call it, and those that it may call. */
export function connectionsOf(name: string, calls: readonly Call[]) {
  const callersOn = (from: Caller, port: number) =>
    typeof from === "string" ? [workload(from, port)] : from(port);
  const isCalled = (peer: Peer) => peer.kind === "workload" && peer.workload === name;
  return {
    callers: calls.flatMap(({ from, to }) =>
      to.filter(isCalled).flatMap(({ port }) => callersOn(from, port)),
    ),
    callees: calls.filter(({ from }) => from === name).flatMap(({ to }) => to),
  };
}

type PolicyPeer = types.input.networking.v1.NetworkPolicyPeer;
type PolicyPort = types.input.networking.v1.NetworkPolicyPort;

const podsInNamespace = (name: string): PolicyPeer => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
});

/**
 * All addresses but the link-local ones and those of the clouds' metadata services, which hand out the node's
 * credentials.
 */
const ANYWHERE = [
  { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] },
  {
    cidr: "::/0",
    except: ["fe80::/10", "64:ff9b::a9fe:0/112", "fd00:ec2::/32", "fd00:c1::/32", "fd20:ce::/32"],
  },
];

function policyPeers(peer: Peer): PolicyPeer[] {
  switch (peer.kind) {
    case "workload":
      return [{ podSelector: { matchLabels: selectorLabels(peer.workload) } }];
    case "namespace":
      return [podsInNamespace(peer.namespace)];
    case "labels":
      return [{ podSelector: { matchLabels: { ...peer.labels } } }];
    case "addresses":
      return [{ ipBlock: { cidr: peer.cidr } }];
    case "outside":
      return ANYWHERE.map((ipBlock) => ({ ipBlock }));
  }
}

const tcp = (port: number): PolicyPort => ({ protocol: "TCP", port });
const dnsPorts = (port: number): PolicyPort[] => [{ protocol: "UDP", port }, tcp(port)];
const address = (ip: string): PolicyPeer => ({ ipBlock: { cidr: `${ip}/32` } });

/** Rules for DNS queries, for each place where the DNS servers of a cluster may be. */
const DNS: types.input.networking.v1.NetworkPolicyEgressRule[] = [
  {
    // Pods of kube-system, NodeLocal DNSCache at its fixed address, and GKE's Cloud DNS at the metadata service's
    // address.
    to: [podsInNamespace("kube-system"), address("169.254.20.10"), address("169.254.169.254")],
    ports: dnsPorts(53),
  },
  // NetworkPolicies see the pod's port: on OpenShift, the DNS pods listen on another port than their Service.
  { to: [podsInNamespace("openshift-dns")], ports: dnsPorts(5353) },
];

/** Rules that allow connections from each caller, to the port that it calls. */
export const ingressRules = (
  callers: readonly Peer[],
): types.input.networking.v1.NetworkPolicyIngressRule[] =>
  callers.map((peer) => ({ from: policyPeers(peer), ports: [tcp(peer.port)] }));

/** Rules that allow connections to each callee, and DNS queries if there are any callees. */
export const egressRules = (
  callees: readonly Peer[],
): types.input.networking.v1.NetworkPolicyEgressRule[] =>
  callees.length
    ? [...DNS, ...callees.map((peer) => ({ to: policyPeers(peer), ports: [tcp(peer.port)] }))]
    : [];

/** `spec` of a NetworkPolicy that allows connections from `callers`, to `callees` and to DNS, and no others. */
export function policySpec(
  name: string,
  callers: readonly Peer[],
  callees: readonly Peer[],
): types.input.networking.v1.NetworkPolicySpec {
  return {
    podSelector: { matchLabels: selectorLabels(name) },
    policyTypes: ["Ingress", "Egress"],
    ingress: ingressRules(callers),
    egress: egressRules(callees),
  };
}

/**
 * `spec` of a NetworkPolicy for proxy pods that a controller runs in this namespace. Everybody may connect to them,
 * because they serve the public. They may connect to `callees`, to DNS, and to the controller that configures them in
 * `controllerNamespace`, on any port, because each controller chooses its own.
 */
export function proxyPolicySpec(
  labels: Labels,
  callees: readonly Peer[],
  controllerNamespace: string,
): types.input.networking.v1.NetworkPolicySpec {
  return {
    podSelector: { matchLabels: { ...labels } },
    policyTypes: ["Ingress", "Egress"],
    ingress: [{}],
    egress: [...egressRules(callees), { to: [podsInNamespace(controllerNamespace)] }],
  };
}
