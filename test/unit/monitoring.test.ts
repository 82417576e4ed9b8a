import assert from "node:assert/strict";
import { Monitoring } from "../../components/monitoring.ts";
import { parseConfig } from "../../config/load.ts";
import { find, record } from "./support/record.ts";
import { withKeys } from "./support/stages.ts";

const ARGS = {
  namespace: "shop",
  services: ["site"],
  backup: false,
  labels: { release: "prometheus" },
  dashboardLabels: { grafana_dashboard: "1" },
  runbooks: "https://example.com/operations",
};
const LABELS = {
  "app.kubernetes.io/name": "monitoring",
  "app.kubernetes.io/part-of": "todo-app",
  "app.kubernetes.io/managed-by": "pulumi",
};

describe("Monitoring", () => {
  const created = async () => (await record(() => new Monitoring("m", ARGS))).resources;

  it("has the pods of the services scraped, named after their service", async () => {
    const [monitor] = find(await created(), "PodMonitor");
    assert.deepEqual(monitor!.inputs, {
      apiVersion: "monitoring.coreos.com/v1",
      kind: "PodMonitor",
      metadata: {
        namespace: "shop",
        name: "todo-app",
        labels: { release: "prometheus", ...LABELS },
      },
      spec: {
        jobLabel: "app.kubernetes.io/name",
        selector: {
          matchLabels: { "app.kubernetes.io/part-of": "todo-app" },
          matchExpressions: [{ key: "app.kubernetes.io/name", operator: "In", values: ["site"] }],
        },
        podMetricsEndpoints: [{ port: "metrics", interval: "30s" }],
      },
    });
  });

  it("has alerts about any app, which link to their runbooks", async () => {
    const [rules] = find(await created(), "PrometheusRule");
    const [, { rules: alerts }] = rules!.inputs.spec.groups;
    const down = alerts.find(({ alert }: any) => alert === "AppDown");
    assert.equal(down.expr, 'absent(up{namespace="shop",job="site"} == 1)');
    assert.equal(down.annotations.runbook_url, "https://example.com/operations#appdown");
    assert.ok(!JSON.stringify(alerts).includes("todo_"), "nothing of the todo app");
  });

  it("has a dashboard with the labels of the sidecar, and only those", async () => {
    const [dashboard] = find(await created(), "ConfigMap");
    const { name, labels } = dashboard!.inputs.metadata;
    assert.equal(name, "todo-app-dashboard");
    assert.deepEqual(labels, { grafana_dashboard: "1", ...LABELS });
    const { uid, title } = JSON.parse(dashboard!.inputs.data["todo-app.json"]);
    assert.equal(title, "todo-app: shop");
    assert.ok(uid.length <= 40);
  });
});

describe("monitoring of a stage", () => {
  const monitoringOf = (monitoring: object, others: object = {}) =>
    parseConfig("dev", withKeys("dev", { monitoring, ...others })).monitoring;

  it("is off by default", () => {
    assert.equal(monitoringOf({}), undefined);
    assert.equal(monitoringOf({ namespace: "monitoring" }), undefined);
  });

  it("watches what the stage has", () => {
    const on = { enabled: true, namespace: "monitoring" };
    assert.deepEqual(monitoringOf(on)?.services, ["backend", "frontend"]);
    assert.equal(monitoringOf(on)?.backup, false);
    assert.equal(monitoringOf(on)?.certificate, undefined);
    const backup = { enabled: true };
    assert.equal(monitoringOf(on, { backup })?.backup, true);
    const tls = (settings: object) => monitoringOf(on, { tls: settings })?.certificate;
    assert.equal(tls({ issuer: "ca", caSecretName: "ca" }), "todo-app");
    assert.equal(tls({ issuer: "secret", secretName: "tls" }), undefined);
  });

  it("takes labels as kubectl writes them", () => {
    const labels = ["release=prometheus", "example.com/team=a", "empty="];
    assert.deepEqual(monitoringOf({ enabled: true, namespace: "monitoring", labels })?.labels, {
      release: "prometheus",
      "example.com/team": "a",
      empty: "",
    });
  });
});
