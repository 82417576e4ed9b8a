/**
 * NetworkPolicies as the cluster enforces them: tries a connection from every pod to every other one, on every port
 * that anything listens on. Exactly those must succeed that an independent evaluator derives from the cluster's own
 * policies; `test/network` compares that evaluator's answers with hand-written tables.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import {
  allowedConnections,
  buildEvaluator,
  type Cluster,
  type Endpoint,
} from "../../network/evaluate.ts";
import { idlePod } from "../support/idlePod.ts";
import { processesIn } from "../support/machine.ts";
import { attempt, eventually, sh } from "../support/shell.ts";
import { dev, production, staging } from "../stages/support.ts";

const STAGES = [dev, staging, production];
const kubectl = (args: string) => sh(`kubectl --context minikube ${args}`);

/** Ports of the workloads, their metrics, ACME solvers, DNS servers, external databases and the web. */
const PORTS = [53, 80, 443, 3000, 5432, 5433, 6432, 8000, 8080, 8089, 9464];
/**
 * Addresses that stand for the internet (from a range for documentation) and for a cloud's metadata service. Both are
 * in OUTSIDE.
 */
const PUBLIC_ADDRESS = "198.51.100.10";
const METADATA_ADDRESS = "169.254.169.254";
const OUTSIDE = "todo-outside";
const ELSEWHERE = "policies-elsewhere";
const SOCKETS = fileURLToPath(new URL("../support/sockets.ts", import.meta.url));

/** An endpoint on this machine, and how to run a command in its network namespace. */
interface Live extends Endpoint {
  readonly enter: readonly string[];
}

/** A process of a pod, found by the pod's uid in the name of its cgroup. */
function processOf(uid: string): number {
  const [pid] = processesIn(`/pod${uid}/`);
  if (pid === undefined) throw new Error(`no process of pod ${uid} runs on this machine`);
  return pid;
}

/** One running pod per workload of a namespace, by the workload's label or else by the pod's name. */
async function podsIn(namespace: string): Promise<Live[]> {
  const { items } = JSON.parse(
    await kubectl(`get pods -n ${namespace} --field-selector status.phase=Running -o json`),
  ) as { items: any[] };
  const byName = new Map<string, Live>();
  for (const { metadata, spec, status } of items) {
    if (metadata.deletionTimestamp) continue;
    const workload = metadata.labels["app.kubernetes.io/name"] ?? metadata.name;
    const name = `${namespace}/${workload}`;
    byName.set(name, {
      name,
      ip: status.podIP,
      pod: {
        namespace,
        labels: metadata.labels,
        ports: spec.containers.flatMap((container: any) => container.ports ?? []),
      },
      enter: ["nsenter", `--target=${processOf(metadata.uid)}`, "--net"],
    });
  }
  return [...byName.values()];
}

/** A network namespace behind this machine that stands for the internet; nothing behind it leads further. */
const OUTSIDE_UP = `
  ip netns add ${OUTSIDE}
  ip link add ${OUTSIDE} type veth peer name eth0 netns ${OUTSIDE}
  ip address add 198.51.100.1/24 dev ${OUTSIDE}
  ip link set ${OUTSIDE} up
  ip route add ${METADATA_ADDRESS} dev ${OUTSIDE} via ${PUBLIC_ADDRESS} onlink
  nsenter --net=/run/netns/${OUTSIDE} sh -ec '
    ip link set lo up; ip link set eth0 up
    ip address add ${PUBLIC_ADDRESS}/24 dev eth0; ip address add ${METADATA_ADDRESS}/32 dev lo
    ip route add default via 198.51.100.1'
  for direction in -i -o; do iptables -w -I FORWARD $direction ${OUTSIDE} -m comment --comment ${OUTSIDE} -j ACCEPT; done`;
const OUTSIDE_DOWN = `
  for direction in -i -o; do
    while iptables -w -D FORWARD $direction ${OUTSIDE} -m comment --comment ${OUTSIDE} -j ACCEPT; do :; done
  done
  ip link delete ${OUTSIDE}; ip netns delete ${OUTSIDE}`;

describe("enforced network policies", function () {
  this.timeout(600_000);
  const listeners: ChildProcess[] = [];
  let sources: Live[];
  let endpoints: Live[];
  let cluster: Cluster;
  /** The connections of all pods that succeeded, when they were those that the evaluator allows. */
  let found: readonly string[] = [];

  const node = (enter: readonly string[], ...args: string[]) =>
    spawn(enter[0]!, [...enter.slice(1), process.execPath, SOCKETS, ...args], {
      stdio: ["pipe", "pipe", "inherit"],
    });

  before(async () => {
    buildEvaluator();
    await attempt(OUTSIDE_DOWN);
    await sh(OUTSIDE_UP);
    await kubectl(`create namespace ${ELSEWHERE}`);
    const pods = [
      idlePod({ namespace: ELSEWHERE, name: "bystander", labels: { app: "bystander" } }),
      // A pod of another namespace with this app's labels, which anybody can give to their pods.
      idlePod({
        namespace: ELSEWHERE,
        name: "look-alike",
        labels: {
          "app.kubernetes.io/name": "frontend",
          "app.kubernetes.io/part-of": "todo-app",
        },
      }),
      idlePod({ namespace: dev.namespace, name: "stray", labels: { run: "debug" } }),
    ];
    for (const pod of pods) await sh(`kubectl --context minikube create -f - <<<'${pod}'`);
    await kubectl(
      `wait --for condition=Ready pod/bystander pod/look-alike -n ${ELSEWHERE} --timeout 60s`,
    );
    await kubectl(`wait --for condition=Ready pod/stray -n ${dev.namespace} --timeout 60s`);

    sources = (
      await Promise.all(
        [
          ...STAGES.map(({ namespace }) => namespace),
          ELSEWHERE,
          "kube-system",
          "ingress-nginx",
        ].map(podsIn),
      )
    ).flat();
    const outside = ["nsenter", `--net=/run/netns/${OUTSIDE}`];
    endpoints = [
      ...sources,
      { name: "internet", ip: PUBLIC_ADDRESS, enter: outside },
      { name: "metadata service", ip: METADATA_ADDRESS, enter: outside },
    ];
    const policies = JSON.parse(await kubectl("get networkpolicies --all-namespaces -o json"));
    const namespaces = JSON.parse(await kubectl("get namespaces -o json"));
    cluster = {
      policies: policies.items,
      namespaces: Object.fromEntries(
        namespaces.items.map(({ metadata }: any) => [metadata.name, metadata.labels]),
      ),
      endpoints,
      ports: PORTS,
    };
    // Each port gets a listener: without one, a closed port would look like a policy.
    for (const { enter } of new Map(endpoints.map((each) => [each.enter.join(), each])).values()) {
      const listener = node(enter, "listen", ...PORTS.map(String));
      listeners.push(listener);
      await once(listener.stdout, "data");
    }
  });

  after(async () => {
    for (const listener of listeners) listener.stdin!.end();
    await attempt(OUTSIDE_DOWN);
    await kubectl(`delete namespace ${ELSEWHERE} --ignore-not-found`);
    await kubectl(`delete pod stray -n ${dev.namespace} --ignore-not-found`);
  });

  const edge = (source: string, destination: string, port: number) =>
    `${source} → ${destination} : ${port}`;

  /** The connections from one pod to every other endpoint that succeed. */
  async function connected(source: Live): Promise<string[]> {
    const others = endpoints.filter(({ name }) => name !== source.name);
    const targets = others.flatMap(({ ip }) => PORTS.map((port) => [ip, port] as const));
    const child = node(source.enter, "connect");
    child.stdin.end(JSON.stringify(targets));
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await once(child, "close");
    const nameOf = new Map(others.map(({ ip, name }) => [ip, name]));
    return (JSON.parse(output) as [string, number][]).map(([ip, port]) =>
      edge(source.name, nameOf.get(ip)!, port),
    );
  }

  it("allow exactly the connections that the evaluator allows", async function () {
    const expected = allowedConnections(cluster, sources, endpoints)
      .filter(({ protocol, source, destination }) => protocol === "TCP" && source !== destination)
      .filter(({ number }) => PORTS.includes(number))
      .map(({ source, destination, number }) => edge(source, destination, number));
    // kube-router needs a moment for pods that have just started, and what it allows may change for one while it renews its rules.
    await eventually(60, async () => {
      const actual = (await Promise.all(sources.map(connected))).flat();
      const missing = expected.filter((each) => !actual.includes(each));
      const unexpected = actual.filter((each) => !expected.includes(each));
      if (missing.length + unexpected.length)
        console.log(`      not yet: ${JSON.stringify({ missing, unexpected })}`);
      assert.deepEqual({ missing, unexpected }, { missing: [], unexpected: [] });
      found = actual;
    });
    const tried = sources.length * (endpoints.length - 1) * PORTS.length;
    console.log(`      ${tried} connections tried, ${expected.length} of them allowed`);
    assert.ok(expected.length > 50 && expected.length < tried / 2);
  });

  it("allow the app's own connections, and the internet and the metadata service only to pods that need them", () => {
    for (const { namespace } of STAGES) {
      const has = (source: string, destination: string, port: number) =>
        found.includes(edge(`${namespace}/${source}`, destination, port));
      assert.ok(has("frontend", `${namespace}/backend`, 8000));
      assert.ok(found.includes(edge("ingress-nginx/traefik", `${namespace}/frontend`, 3000)));
      assert.ok(!has("frontend", `${namespace}/backend`, 9464), "the metrics port");
      for (const pod of ["frontend", "backend"]) {
        // On port 53, this address is that of GKE's Cloud DNS.
        const others = PORTS.filter((port) => port !== 53);
        assert.ok(!others.some((port) => has(pod, "metadata service", port)));
        assert.ok(!has(pod, "internet", 80));
      }
      const foreign = found.filter(
        (each) => each.includes(` → ${namespace}/`) && !each.startsWith(`${namespace}/`),
      );
      assert.deepEqual(
        foreign.filter((each) => !each.startsWith("ingress-nginx/")),
        [],
      );
    }
    assert.ok(found.includes(edge(`${dev.namespace}/frontend`, `${dev.namespace}/postgres`, 5432)));
    assert.deepEqual(
      found.filter((each) => each.startsWith(`${dev.namespace}/stray`)),
      [],
    );
  });

  it("allow pods to send DNS queries", async () => {
    for (const { kubectl } of STAGES)
      assert.match(
        await kubectl(
          `exec deployment/backend -- python -c 'import socket; print(socket.getaddrinfo("frontend", 3000)[0][4][0])'`,
        ),
        /^10\.96\./,
      );
  });
});
