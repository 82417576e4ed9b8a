import assert from "node:assert/strict";
import { Monitoring } from "../../components/monitoring.ts";
import { parseConfig } from "../../config/load.ts";
import { RULES } from "../../policy/rules.ts";
import { DEFAULTS } from "../../policy/settings.ts";
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

  it("has the servers of CloudNativePG scraped, where their metrics tell of backups", async () => {
    const args = { ...ARGS, archive: { longestGap: 86_400 } };
    const { resources } = await record(() => new Monitoring("m", args));
    const [{ values }] = find(resources, "PodMonitor")[0]!.inputs.spec.selector.matchExpressions;
    assert.deepEqual(values, ["site", "postgres"]);
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
  it("adds three objects, which keep the policies, and lets Prometheus in", async () => {
    const deployed = async (monitoring: object) => {
      const program = () => import(`../../index.ts?monitoring=${JSON.stringify(monitoring)}`);
      return (await record(program, "production", withKeys("production", { monitoring })))
        .resources;
    };
    const before = (await deployed({})).map(({ urn }) => urn);
    const on = await deployed({ enabled: true, namespace: "monitoring" });
    const added = on.filter(({ urn, custom }) => custom && !before.includes(urn));
    assert.deepEqual(added.map(({ type, name }) => `${type.split(":").pop()} ${name}`).sort(), [
      "ConfigMap monitoring-dashboard",
      "PodMonitor monitoring-pods",
      "PrometheusRule monitoring-rules",
    ]);
    for (const { inputs: props, ...resource } of added)
      for (const { check } of RULES)
        assert.deepEqual(check({ ...resource, stage: "production", props }, DEFAULTS), []);
    const { ingress } = find(on, "NetworkPolicy").find(({ name }) => name === "backend")!.inputs
      .spec;
    assert.ok(ingress.some(({ ports }: any) => ports[0].port === 9464));
  });

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
    assert.equal(monitoringOf(on, { backup })?.archive, undefined);
    const archive = monitoringOf(on, {
      backup: { enabled: true, s3: { endpoint: "https://s3.example.com", bucket: "backups" } },
      database: { mode: "cloudnative-pg", image: "ghcr.io/cloudnative-pg/postgresql:17" },
      backupS3AccessKeyId: "id",
      backupS3SecretAccessKey: "key",
    });
    assert.deepEqual([archive?.backup, archive?.archive], [false, { longestGap: 86_400 }]);
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
