/** What preflight checks on Minikube: its add-ons, the registry as Docker sees it, and the way to the app. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { THIS_MACHINE, addressFindings, type Means } from "../../ops/lib/preflight/addressNeeds.ts";
import { clusterOf } from "../../ops/lib/preflight/clusterApi.ts";
import { preflightReport } from "../../ops/lib/preflight/preflight.ts";
import { effectiveConfig, stageFile } from "../../ops/lib/stage.ts";
import type { Values } from "../../ops/lib/yaml.ts";
import { INGRESS_CLASSES, list, withFakeCluster } from "./support/fakeCluster.ts";

const NODES = "/api/v1/nodes";
const FIRST_NODE = "/api/v1/nodes?limit=1";
const REGISTRY = "/api/v1/namespaces/kube-system/services/registry";

/** What `docker pull` prints where nothing listens, and where the registry has no such image. */
const REFUSED =
  'Error response from daemon: Get "http://localhost:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused';
const UNKNOWN =
  "Error response from daemon: manifest for localhost:5000/todo-app/preflight:none not found: manifest unknown: manifest unknown";

/** A node as Minikube labels it. */
const node = (profile: string, containerRuntimeVersion = "docker://28.4.0") => ({
  metadata: {
    name: profile,
    labels: {
      "minikube.k8s.io/name": profile,
      "minikube.k8s.io/primary": "true",
      "minikube.k8s.io/version": "v1.38.1",
    },
  },
  status: {
    nodeInfo: { architecture: "amd64", operatingSystem: "linux", containerRuntimeVersion },
  },
});
/** The same with its address. Only tests that say what answers there use it. */
const nodeWithAddress = () => {
  const { metadata, status } = node("minikube");
  const addresses = [
    { type: "Hostname", address: "minikube" },
    { type: "InternalIP", address: "192.168.49.2" },
  ];
  return { metadata, status: { ...status, addresses } };
};

describe("the stage file for kind in the documentation", () => {
  it("is complete and right", () => {
    const page = readFileSync(new URL("../../docs/minikube.md", import.meta.url), "utf8");
    const [, text] = /`Pulumi\.kind\.yaml`.*\n\n```yaml\n([^`]+)```/.exec(page)!;
    const { config } = parse(text!) as { readonly config: Values };
    assert.equal(effectiveConfig("kind", config)?.images.registry, "localhost:5001");
  });
});

describe("preflight on Minikube", function () {
  // Each test starts a dozen processes.
  this.timeout(30_000);
  const { folder, cluster } = withFakeCluster();
  const active = process.env.MINIKUBE_ACTIVE_DOCKERD;
  beforeEach(() => delete process.env.MINIKUBE_ACTIVE_DOCKERD);
  after(() => {
    if (active) process.env.MINIKUBE_ACTIVE_DOCKERD = active;
  });

  const program = (name: string, script: string) => {
    writeFileSync(join(folder(), "bin", name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder(), "bin", name), 0o755);
  };
  /** A `docker` whose pulls end with this message. */
  const docker = (message: string) =>
    program("docker", `[ "$1" != pull ] || { echo '${message}' >&2; exit 1; }`);
  /** A cluster of Minikube with these nodes, and other answers. */
  const start = (nodes: readonly object[], answers: Parameters<typeof cluster>[0] = {}) =>
    cluster({
      [NODES]: { items: nodes },
      [FIRST_NODE]: { items: nodes.slice(0, 1) },
      [INGRESS_CLASSES]: list("nginx"),
      [REGISTRY]: {},
      ...answers,
    });
  /** The problems of dev, with these settings, by the commands that fix them. */
  const fixes = async (settings: object = {}) => {
    const file = join(folder(), "Pulumi.dev.yaml");
    writeFileSync(file, stringify({ config: { ...stageFile("dev"), ...settings } }));
    const { problems } = await preflightReport({ name: "dev", file });
    return problems.map(({ message, fix }) => [message, fix] as const);
  };

  it("finds no problem once both add-ons are enabled and Docker reaches the registry", async () => {
    start([node("minikube")]);
    docker(UNKNOWN);
    assert.deepEqual(await fixes(), []);
  });

  it("names the command for each add-on that is missing, with the name of the cluster", async () => {
    docker(REFUSED);
    for (const [profile, command] of [
      ["minikube", "minikube addons enable"],
      ["todo app", "minikube --profile 'todo app' addons enable"],
    ] as const) {
      start([node(profile)], { [INGRESS_CLASSES]: list(), [REGISTRY]: null });
      const context = { "todo-app:kubernetesContext": profile };
      const commands = (await fixes(context)).map(([, fix]) => fix);
      assert.deepEqual(commands, [`${command} ingress`, `${command} registry`]);
    }
  });

  it("is recognised by the labels of its nodes, or else by the name of its context", async () => {
    const kind = async (context: string) => (await clusterOf(context)).kind;
    start([], { [FIRST_NODE]: null });
    assert.deepEqual([await kind("work"), await kind("minikube")], ["other", "minikube"]);
    start([node("todo")]);
    assert.equal(await kind("work"), "minikube");
    start([node("todo")], { cluster: "todo-app-local" });
    assert.equal(await kind("minikube"), "local");
  });

  describe("asks Docker for the registry, and where it does not answer", () => {
    const registry = async (...nodes: readonly object[]) => {
      start(nodes);
      docker(REFUSED);
      const [problem, ...others] = await fixes();
      assert.ok(problem && !others.length);
      assert.match(problem[0], /^a registry that Docker reaches at localhost:5000.*refused\)$/);
      return problem[1];
    };

    it("has the images built by Minikube's own Docker", async () => {
      assert.match(await registry(node("minikube")), /^eval "\$\(minikube docker-env\)", /);
    });

    it("forwards the port where nodes have another runtime, or there are several", async () => {
      const forward = /^docker run .* --network host alpine .*TCP:\$\(minikube ip\):5000"$/;
      assert.match(await registry(node("minikube", "containerd://2.2.1")), forward);
      assert.match(await registry(node("minikube"), node("minikube-m02")), forward);
    });

    it("waits for the add-on where Docker is Minikube's own already", async () => {
      process.env.MINIKUBE_ACTIVE_DOCKERD = "minikube";
      assert.equal(
        await registry(node("minikube")),
        "kubectl --context minikube --namespace kube-system rollout status daemonset/registry-proxy",
      );
    });
  });

  it("refuses the port that Minikube prints: only the machine has it, the nodes do not", async () => {
    start([node("minikube")]);
    docker(UNKNOWN);
    const [problem] = await fixes({ "todo-app:images": { registry: "localhost:32769" } });
    assert.match(problem?.[0] ?? "", /nodes find at localhost:32769/);
    assert.match(problem?.[1] ?? "", /^set todo-app:images\.registry to localhost:5000, /);
  });

  it("needs no registry for images that are not pushed to localhost", async () => {
    docker(REFUSED);
    start([node("minikube")], { [REGISTRY]: null });
    for (const images of [
      { registry: "localhost:5000", push: false },
      { registry: "ghcr.io" },
    ] as const)
      assert.deepEqual(await fixes({ "todo-app:images": images }), []);
  });

  it("asks Docker for a registry at localhost on other clusters too, such as kind", async () => {
    cluster();
    docker(REFUSED.replaceAll("5000", "5001"));
    const settings = {
      "todo-app:kubernetesContext": "kind-kind",
      "todo-app:images": { registry: "localhost:5001" },
    };
    const [problem, ...others] = await fixes(settings);
    assert.match(problem?.[0] ?? "", /^a registry that Docker reaches at localhost:5001/);
    assert.deepEqual(others, []);
  });

  describe("looks for the way to the app", () => {
    /** The warnings where a host has these addresses, and only these connections are answered. */
    const warnings = async (
      addresses: readonly string[],
      answers: Readonly<Record<string, "open" | "refused">> = {},
      answersOfCluster: Parameters<typeof cluster>[0] = {},
    ) => {
      start([nodeWithAddress()], answersOfCluster);
      const means: Means = {
        addressesOf: () => Promise.resolve(addresses),
        answerOf: (address, port) => Promise.resolve(answers[`${address}:${port}`] ?? "silent"),
      };
      const config = effectiveConfig("dev", stageFile("dev"))!;
      const found = await addressFindings(config, await clusterOf("minikube"), means);
      return found.map((finding) => ("warning" in finding ? finding.warning : ""));
    };
    const profiles = (driver: string) =>
      program(
        "minikube",
        `[ "$*" = "profile list --light --output=json" ] || exit 2
echo '{"invalid":[],"valid":[{"Name":"minikube","Config":{"Driver":"${driver}"}}]}'`,
      );
    const NODE = "192.168.49.2:80";
    const HOSTS_LINE = (address: string) =>
      `todo-app.local has no address on this machine; this gives it one: echo "${address} todo-app.local" | sudo tee -a /etc/hosts`;

    it("and is content where something answers", async () => {
      assert.deepEqual(await warnings(["192.168.49.2"], { [NODE]: "open" }), []);
      assert.deepEqual(await warnings(["127.0.0.1"], { "127.0.0.1:80": "open" }), []);
    });

    it("and names the line of /etc/hosts that is missing or wrong", async () => {
      assert.deepEqual(await warnings([], { [NODE]: "open" }), [HOSTS_LINE("192.168.49.2")]);
      const [warning, ...others] = await warnings(["192.168.39.7"], { [NODE]: "refused" });
      assert.match(warning!, /^todo-app\.local resolves to 192\.168\.39\.7, where nothing answers/);
      assert.match(warning!, /Minikube is at 192\.168\.49\.2: correct the line/);
      assert.deepEqual(others, []);
    });

    it("and names the tunnel where Minikube runs in the virtual machine of Docker", async () => {
      profiles("docker");
      const tunnel =
        "this machine has no way to Minikube's node 192.168.49.2 (driver docker): the app answers at 127.0.0.1 while this runs in another terminal: minikube tunnel";
      assert.deepEqual(await warnings([]), [tunnel, HOSTS_LINE("127.0.0.1")]);
      assert.deepEqual(await warnings(["127.0.0.1"], { "127.0.0.1:80": "refused" }), [tunnel]);
    });

    it("and names the tunnel without the driver where the program of Minikube is missing", async () => {
      program("minikube", "exit 127");
      const [warning] = await warnings(["127.0.0.1"]);
      assert.match(warning!, /no way to Minikube's node 192\.168\.49\.2: .*: minikube tunnel$/);
    });

    it("and names a network for a virtual machine that has none", async () => {
      profiles("qemu2");
      const [warning] = await warnings(["127.0.0.1"]);
      assert.match(
        warning!,
        /\(driver qemu2\); .*: minikube delete && minikube start --network socket_vmnet$/,
      );
    });

    it("only once the ingress add-on is enabled", async () => {
      assert.deepEqual(await warnings([], {}, { [INGRESS_CLASSES]: list() }), []);
    });

    it("by the name service and connections of this machine", async () => {
      const server = createServer().listen(0, "127.0.0.1");
      try {
        await new Promise((resolve) => server.on("listening", resolve));
        const { port } = server.address() as AddressInfo;
        assert.equal(await THIS_MACHINE.answerOf("127.0.0.1", port), "open");
        server.close();
        assert.equal(await THIS_MACHINE.answerOf("127.0.0.1", port), "refused");
        assert.deepEqual(await THIS_MACHINE.addressesOf("todo-app.invalid"), []);
        assert.ok((await THIS_MACHINE.addressesOf("localhost")).length);
      } finally {
        server.close();
      }
    });
  });
});
