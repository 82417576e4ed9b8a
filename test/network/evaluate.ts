/** Asks an independent evaluator (`evaluator/`) which connections a set of NetworkPolicies allows. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What a connection may start or end at: a pod with its labels, or an address outside the cluster. */
export interface Endpoint {
  readonly name: string;
  readonly ip: string;
  readonly pod?: {
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    /** Named container ports. */
    readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  };
}

/** Endpoints, the policies around them, and the ports that are tried between any two of them. */
export interface Cluster {
  readonly policies: readonly any[];
  /** Labels by the namespace's name. */
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly number[];
}

export interface Connection {
  readonly source: string;
  readonly destination: string;
  readonly number: number;
  readonly protocol: string;
}

const PROTOCOLS = ["TCP", "UDP", "SCTP"];

let binary = "";

/** Compiles the evaluator where the cache does not have it, which takes a minute. */
export function buildEvaluator() {
  const script = fileURLToPath(new URL("evaluator.sh", import.meta.url));
  binary = execFileSync(script, { encoding: "utf8" }).trim();
}

/** The evaluator's form of an endpoint. */
function trafficPeer({ name, ip, pod }: Endpoint, namespaces: Cluster["namespaces"]) {
  const portNames = (pod?.ports ?? []).map(({ name, containerPort }) => [containerPort, name]);
  return {
    name,
    IP: ip,
    ...(pod && {
      Internal: {
        Namespace: pod.namespace,
        NamespaceLabels: {
          ...namespaces[pod.namespace],
          "kubernetes.io/metadata.name": pod.namespace,
        },
        PodLabels: pod.labels,
      },
    }),
    portNames: Object.fromEntries(portNames),
  };
}

/** Ports that the policies name, and the ones next to them: a rule that nobody thought of is tried too. */
function portsOf(policies: Cluster["policies"]): number[] {
  return policies
    .flatMap(({ spec }) => [...(spec.ingress ?? []), ...(spec.egress ?? [])])
    .flatMap(({ ports = [] }) => ports)
    .flatMap(({ port, endPort = port }) =>
      typeof port === "number" ? [port, Number(endPort) + 1] : [],
    );
}

/** Every connection from one of `sources` to one of `destinations` that the policies of `cluster` allow. */
export function allowedConnections(
  cluster: Cluster,
  sources: readonly Endpoint[],
  destinations: readonly Endpoint[],
): readonly Connection[] {
  const { policies, namespaces, ports } = cluster;
  const peers = (endpoints: readonly Endpoint[]) =>
    endpoints.map((endpoint) => trafficPeer(endpoint, namespaces));
  const question = {
    policies,
    sources: peers(sources),
    destinations: peers(destinations),
    ports: [...new Set([...ports, ...portsOf(policies)])].flatMap((number) =>
      PROTOCOLS.map((protocol) => ({ number, protocol })),
    ),
  };
  const input = JSON.stringify(question);
  return JSON.parse(execFileSync(binary, { input, encoding: "utf8", maxBuffer: 2 ** 28 }));
}
