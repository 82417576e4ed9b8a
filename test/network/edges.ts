/** Tables of edges: who may connect to whom, and the comparison of the policies with them. */
import assert from "node:assert/strict";
import { allowedConnections, type Cluster, type Connection } from "./evaluate.ts";

/** Names in a table that stand for several endpoints. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  "any-kube-system-pod": ["kube-dns", "metrics-server"],
};

/** Link-local addresses: no range that stands for the outside takes them in. */
const LINK_LOCAL = ["node-local-dns", "metadata-service", "metadata-service-ipv6"];

interface Edge {
  readonly source: string;
  readonly destination: string;
  readonly port: string;
}

const list = (text: string) => text.split(",").map((word) => word.trim());

/** Lines such as `frontend, backend → postgres : TCP 5432`, each source, destination and port one edge. */
function parse(table: string): Edge[] {
  return table
    .trim()
    .split("\n")
    .flatMap((line) => {
      const [ends, ports] = line.split(" : ");
      const [sources, destinations] = ends!.split("→");
      return list(sources!).flatMap((source) =>
        list(destinations!).flatMap((destination) =>
          list(ports!).map((port) => ({ source, destination, port })),
        ),
      );
    });
}

const isIn = (stage: string) => (name: string) => name.startsWith(`${stage}/`);
const format = (source: string, destination: string, port: string) =>
  `${source} → ${destination} : ${port}`;

/** The edges of a table between the endpoints of `cluster`; `outside` are the ones that the name stands for. */
function expand(edges: readonly Edge[], stage: string, cluster: Cluster, outside: string[]) {
  const names = cluster.endpoints.map(({ name }) => name);
  const resolve = (name: string) => {
    if (name === "outside") return outside;
    const found = (GROUPS[name] ?? [`${stage}/${name}`, name]).filter((one) => names.includes(one));
    assert.ok(found.length, `the table of ${stage} names ${name}, which is no endpoint`);
    return found;
  };
  return edges.flatMap(({ source, destination, port }) =>
    resolve(source).flatMap((from) => resolve(destination).map((to) => format(from, to, port))),
  );
}

const withOnly = (type: "Ingress" | "Egress", policies: Cluster["policies"]) =>
  policies
    .filter(({ spec }) => spec.policyTypes.includes(type))
    .map((policy) => ({ ...policy, spec: { ...policy.spec, policyTypes: [type] } }));

const lines = (connections: readonly Connection[]) =>
  connections.map(({ source, destination, protocol, number }) =>
    format(source, destination, `${protocol} ${number}`),
  );

/** What the policies of a stage let out and let in, whatever the policies at the other end say. */
export function halves(stage: string, cluster: Cluster) {
  const { endpoints, policies } = cluster;
  const own = endpoints.filter(({ name }) => isIn(stage)(name));
  const only = (type: "Ingress" | "Egress") => ({ ...cluster, policies: withOnly(type, policies) });
  return {
    letsOut: lines(allowedConnections(only("Egress"), own, endpoints)),
    letsIn: lines(allowedConnections(only("Ingress"), endpoints, own)),
  };
}

/** What connects from or to a stage, what it lets out and what it lets in. */
function views(stage: string, cluster: Cluster) {
  const { endpoints } = cluster;
  const own = endpoints.filter(({ name }) => isIn(stage)(name));
  const others = endpoints.filter((endpoint) => !own.includes(endpoint));
  return {
    connects: lines([
      ...allowedConnections(cluster, own, endpoints),
      ...allowedConnections(cluster, others, own),
    ]),
    ...halves(stage, cluster),
  };
}

/** The same views, as the table wants them. */
function wanted(stage: string, table: string, cluster: Cluster): ReturnType<typeof views> {
  const own = isIn(stage);
  const edges = parse(table);
  const reachable = cluster.endpoints.filter(({ name }) => !LINK_LOCAL.includes(name));
  const names = reachable.map(({ name }) => name);
  const stages = new Set(Object.keys(cluster.namespaces));
  const unguarded = reachable.filter(({ pod }) => !pod || !stages.has(pod.namespace));
  const source = (edge: string) => edge.split(" → ")[0]!;
  const destination = (edge: string) => edge.split(" → ")[1]!;
  const outside = unguarded.map(({ name }) => name);
  const connects = expand(edges, stage, cluster, outside);
  return {
    connects,
    // An address range can't tell a pod from another host: only the pods' own policies keep it away from them.
    letsOut: expand(edges, stage, cluster, names).filter((edge) => own(source(edge))),
    letsIn: connects.filter((edge) => own(destination(edge))),
  };
}

/** Fails with the edges that are missing and the ones that the table does not have. */
export function assertEdges(stage: string, table: string, cluster: Cluster) {
  const actual = views(stage, cluster);
  const expected = wanted(stage, table, cluster);
  for (const view of ["connects", "letsOut", "letsIn"] as const) {
    const missing = expected[view].filter((edge) => !actual[view].includes(edge));
    const unexpected = actual[view].filter((edge) => !expected[view].includes(edge));
    assert.deepEqual(
      { missing, unexpected },
      { missing: [], unexpected: [] },
      `${stage}, ${view}:\n${missing.map((edge) => `  missing     ${edge}\n`).join("")}${unexpected
        .map((edge) => `  not allowed ${edge}\n`)
        .join("")}`,
    );
  }
}
