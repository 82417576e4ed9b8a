import assert from "node:assert/strict";
import { stageSchema, type Stage } from "../../config/schema.ts";
import type { Cluster, Reading } from "../../ops/lib/preflight/clusterApi.ts";
import { clusterFindings } from "../../ops/lib/preflight/clusterNeeds.ts";
import { kubectl } from "../../ops/lib/preflight/findings.ts";

const INGRESS_CLASSES = "/apis/networking.k8s.io/v1/ingressclasses";
const IMAGE = `ghcr.io/todo/app@sha256:${"a".repeat(64)}`;

const items = (...objects: readonly object[]): Reading => ({
  state: "found",
  object: { items: objects },
});
const node = (name: string, architecture: string, operatingSystem = "linux") => ({
  metadata: { name },
  status: { nodeInfo: { architecture, operatingSystem, kubeletVersion: "v1.34.1+k3s" } },
});
const served = (name: string, controller: string) =>
  items({ metadata: { name }, spec: { controller } });

/** The findings about a complete cluster, but with these answers. */
async function findings(
  answers: Readonly<Record<string, Reading>>,
  settings: object = {},
  kind: Cluster["kind"] = "other",
) {
  const all: Readonly<Record<string, Reading>> = {
    "/api/v1/nodes?limit=1": items(node("a", "amd64")),
    [INGRESS_CLASSES]: served("traefik", "traefik.io/ingress-controller"),
    ...answers,
  };
  const read = (path: string) => Promise.resolve(all[path] ?? ({ state: "absent" } as const));
  const config: Stage = stageSchema.parse({
    kubernetesContext: "staging",
    host: "todo-app.com",
    images: { registry: "ghcr.io" },
    database: { mode: "external" },
    ...settings,
  });
  return clusterFindings(config, { context: "staging", kind, read }, "todo-app-qa");
}

describe("the nodes' architecture", () => {
  const nodes = (...all: readonly object[]) => ({ "/api/v1/nodes": items(...all) });

  it("is that of the images", async () => {
    assert.deepEqual(await findings(nodes(node("a", "amd64"), node("w", "arm64", "windows"))), []);
  });

  it("is a problem if no node can run the images", async () => {
    const arm = nodes(node("a", "arm64"), node("b", "arm64"));
    assert.deepEqual(await findings(arm), [
      {
        missing: "nodes of todo-app:images.platform, linux/amd64; there are only linux/arm64",
        fix: "set todo-app:images.platform to linux/arm64: the images are built for it",
      },
    ]);
    const images = { registry: "ghcr.io", platform: "linux/arm64" };
    assert.deepEqual(await findings(arm, { images }), []);
  });

  it("is a warning if some nodes cannot run the images", async () => {
    assert.deepEqual(await findings(nodes(node("a", "amd64"), node("b", "arm64"))), [
      {
        warning:
          'b can\'t run images for linux/amd64, which todo-app:images.platform has built: pods there end with "exec format error"',
      },
    ]);
  });

  it("does not matter for prebuilt images, which may be for several architectures", async () => {
    const images = { registry: "ghcr.io", backend: IMAGE, frontend: IMAGE };
    assert.deepEqual(await findings(nodes(node("a", "arm64")), { images }), []);
  });

  it("is not required if the credentials may not read the nodes", async () => {
    const nodesDenied = { "/api/v1/nodes": { state: "unknown", reason: "Forbidden" } as const };
    assert.deepEqual(await findings(nodesDenied), [
      { warning: "could not check: nodes of todo-app:images.platform, linux/amd64 (Forbidden)" },
    ]);
  });
});

describe("ingress-nginx, which is retired,", () => {
  const nginx = { [INGRESS_CLASSES]: served("nginx", "k8s.io/ingress-nginx") };
  const route = { className: "nginx" };

  it("is a warning if it serves the stage", async () => {
    assert.deepEqual(await findings(nginx, { route }), [
      {
        warning:
          "ingress-nginx is retired since March 2026 and gets no security fixes; Traefik does: todo-app:route.className traefik",
      },
    ]);
  });

  it("is no warning on Minikube, nor for another controller of the same class", async () => {
    assert.deepEqual(await findings(nginx, { route }, "minikube"), []);
    const other = { [INGRESS_CLASSES]: served("nginx", "nginx.org/ingress-controller") };
    assert.deepEqual(await findings(other, { route }), []);
  });
});

describe("the prometheus-operator", () => {
  const API = "/apis/monitoring.coreos.com/v1";
  const monitoring = { enabled: true, namespace: "monitoring", labels: ["team=a"] };
  const served = (...names: readonly string[]): Reading => ({
    state: "found",
    object: { resources: names.map((name) => ({ name })) },
  });
  const complete = { [API]: served("podmonitors", "podmonitors/status", "prometheusrules") };
  const prometheus = (namespace: string, matchLabels?: object) =>
    items({ metadata: { name: "main", namespace }, spec: { podMonitorSelector: { matchLabels } } });
  const missing = {
    missing:
      "the prometheus-operator's PodMonitors and PrometheusRules (monitoring.coreos.com/v1), which todo-app:monitoring.enabled needs",
    fix: "helm --kube-context staging upgrade --install prometheus kube-prometheus-stack --repo https://prometheus-community.github.io/helm-charts --version 88.5.0 --namespace monitoring --create-namespace",
  };

  it("is needed only if monitoring is enabled", async () => {
    assert.deepEqual(await findings({}), []);
    assert.deepEqual(await findings(complete, { monitoring }), []);
  });

  it("is a problem if its API is missing, as a whole or in part", async () => {
    assert.deepEqual(await findings({}, { monitoring }), [missing]);
    const partly = { [API]: served("podmonitors") };
    assert.deepEqual(await findings(partly, { monitoring }), [missing]);
  });

  it("is a warning if its Prometheus would ignore the stage", async () => {
    const selects = (namespace: string, labels?: object) =>
      findings(
        { ...complete, [`${API}/prometheuses`]: prometheus(namespace, labels) },
        { monitoring },
      );
    assert.deepEqual(await selects("monitoring", { release: "prometheus" }), [
      {
        warning:
          "Prometheus main of namespace monitoring ignores this stage: it selects objects with release=prometheus, which todo-app:monitoring.labels does not have",
      },
    ]);
    assert.deepEqual(await selects("monitoring", { team: "a" }), []);
    assert.deepEqual(await selects("monitoring"), []);
    assert.deepEqual(await selects("elsewhere", { release: "prometheus" }), []);
  });
});

describe("a command that is to be copied", () => {
  const cluster = (context: string): Cluster => ({
    context,
    kind: "other",
    read: () => Promise.resolve({ state: "absent" }),
  });

  it("quotes a context only if the shell would split it", () => {
    const commands: Readonly<Record<string, string>> = {
      "arn:aws:eks:eu-west-1:123:cluster/a": "arn:aws:eks:eu-west-1:123:cluster/a",
      "kind team a": "'kind team a'",
      "Ann's": "'Ann'\\''s'",
    };
    for (const [context, written] of Object.entries(commands))
      assert.equal(kubectl(cluster(context), "get pods"), `kubectl --context ${written} get pods`);
  });
});
