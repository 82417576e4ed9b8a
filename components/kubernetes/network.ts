/** Network edges and the NetworkPolicy rules that allow exactly them; everything else is denied by default. */
import type { types } from "@pulumi/kubernetes";
import { selectorLabels } from "./labels.ts";

/** One end of a connection; `port` is the TCP port that is called. */
export type Peer =
  | { readonly kind: "workload"; readonly workload: string; readonly port: number }
  | { readonly kind: "namespace"; readonly namespace: string; readonly port: number }
  | { readonly kind: "outside"; readonly port: number };

/** A workload of the same namespace. */
export const workload = (name: string, port: number): Peer => ({
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

/** Any address on one port. Cilium, unlike the API's definition, leaves out the addresses of pods and nodes. */
export const outside = (port: number): Peer => ({ kind: "outside", port });

type PolicyPeer = types.input.networking.v1.NetworkPolicyPeer;
type PolicyPort = types.input.networking.v1.NetworkPolicyPort;

const podsOf = (name: string): PolicyPeer => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
});

function policyPeer(peer: Peer): PolicyPeer {
  switch (peer.kind) {
    case "workload":
      return { podSelector: { matchLabels: selectorLabels(peer.workload) } };
    case "namespace":
      return podsOf(peer.namespace);
    case "outside":
      // The link-local range holds the cloud's metadata service, which hands out the node's credentials.
      return { ipBlock: { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] } };
  }
}

const tcp = (port: number): PolicyPort => ({ protocol: "TCP", port });

/** Name look-ups, by whichever pods of kube-system answer them, or by NodeLocal DNSCache at its fixed address. */
const DNS: types.input.networking.v1.NetworkPolicyEgressRule = {
  to: [podsOf("kube-system"), { ipBlock: { cidr: "169.254.20.10/32" } }],
  ports: [{ protocol: "UDP", port: 53 }, tcp(53)],
};

/** Rules that let each caller in, to the port that it calls. */
export const ingressRules = (
  callers: readonly Peer[],
): types.input.networking.v1.NetworkPolicyIngressRule[] =>
  callers.map((peer) => ({ from: [policyPeer(peer)], ports: [tcp(peer.port)] }));

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
    egress: callees.length
      ? [DNS, ...callees.map((peer) => ({ to: [policyPeer(peer)], ports: [tcp(peer.port)] }))]
      : [],
  };
}
