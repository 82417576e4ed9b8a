/** Network edges and the NetworkPolicy rules that allow exactly them; everything else is denied by default. */
import type { types } from "@pulumi/kubernetes";
import { selectorLabels } from "./labels.ts";

/** One end of a connection; `port` is the TCP port that is called. */
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

/** The pods of another namespace, such as the ingress controller's. */
export const inNamespace = (namespace: string, port: number): Peer => ({
  kind: "namespace",
  namespace,
  port,
});

/** Pods of the same namespace that are no workload of the stack's own. */
export const labelled = (labels: Labels, port: number): Peer => ({ kind: "labels", labels, port });

/** A range of addresses, such as that of the nodes. */
export const addresses = (cidr: string, port: number): Peer => ({ kind: "addresses", cidr, port });

/** Any address on one port. Cilium, unlike the API's definition, leaves out the addresses of pods and nodes. */
export const outside = (port: number): Peer => ({ kind: "outside", port });

/** Who calls: a workload of the stack by its name, or the peers that may call a given port. */
type Caller = string | ((port: number) => readonly Peer[]);

/** Connections that are allowed. The NetworkPolicies of both ends follow from it: nobody has to keep two lists equal. */
export interface Call {
  readonly from: Caller;
  readonly to: readonly Peer[];
}

/** The part of `calls` that concerns one workload: whom it lets in, and where it may call. */
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

const podsOf = (name: string): PolicyPeer => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
});

/** Without the link-local addresses and those where clouds have a metadata service, which hands out the node's credentials. */
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
      return [podsOf(peer.namespace)];
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

/** Name look-ups, wherever a cluster has them answered. */
const DNS: types.input.networking.v1.NetworkPolicyEgressRule[] = [
  {
    // Pods of kube-system, NodeLocal DNSCache at its fixed address, or GKE's Cloud DNS at that of the metadata service.
    to: [podsOf("kube-system"), address("169.254.20.10"), address("169.254.169.254")],
    ports: dnsPorts(53),
  },
  // Policies see the port of the pod: OpenShift's listens on another one than its Service.
  { to: [podsOf("openshift-dns")], ports: dnsPorts(5353) },
];

/** Rules that let each caller in, to the port that it calls. */
export const ingressRules = (
  callers: readonly Peer[],
): types.input.networking.v1.NetworkPolicyIngressRule[] =>
  callers.map((peer) => ({ from: policyPeers(peer), ports: [tcp(peer.port)] }));

/** Rules that let the workload out to each callee, and to DNS if there is one. */
export const egressRules = (
  callees: readonly Peer[],
): types.input.networking.v1.NetworkPolicyEgressRule[] =>
  callees.length
    ? [...DNS, ...callees.map((peer) => ({ to: policyPeers(peer), ports: [tcp(peer.port)] }))]
    : [];

/** `spec` of a NetworkPolicy that lets `callers` in and the workload out to `callees` and to DNS. */
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
 * `spec` of a NetworkPolicy for proxies that others run in this namespace: open to everybody, as their purpose is, and out to
 * `callees`, to DNS and to what configures them in `controllerNamespace`, on ports that each controller chooses itself.
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
    egress: [...egressRules(callees), { to: [podsOf(controllerNamespace)] }],
  };
}
