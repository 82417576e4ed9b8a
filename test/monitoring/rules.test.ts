/** The rules and the dashboard of `monitoring.enabled`: Prometheus's own promtool evaluates each alert on time series. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { ARCHIVE_CASES } from "./archiveCases.ts";
import { NAMESPACE, written, type Case } from "./case.ts";
import { CLUSTER_CASES } from "./clusterCases.ts";
import { CERTIFICATE_CASES, JOB_CASES } from "./jobCases.ts";
import { isOfApp, manifestsOf, metricsIn, prometheusFolder, type Group } from "./manifests.ts";
import { SERVICE_CASES } from "./serviceCases.ts";

/** For each alert: series that raise it, and similar ones that do not. */
const CASES = [...SERVICE_CASES, ...CLUSTER_CASES, ...JOB_CASES, ...CERTIFICATE_CASES];

/** A stage that has everything that is watched. */
const EVERYTHING = { backup: { enabled: true }, tls: { issuer: "ca", caSecretName: "ca" } };

/** A stage whose backups the CloudNativePG operator makes, once a day. */
const ARCHIVE = {
  database: { mode: "cloudnative-pg", image: "ghcr.io/cloudnative-pg/postgresql:17" },
  backup: { enabled: true, s3: { endpoint: "https://s3.example.com", bucket: "backups" } },
  backupS3AccessKeyId: "id",
  backupS3SecretAccessKey: "key",
};

const manifests = manifestsOf("dev", EVERYTHING);
const archive = manifestsOf("dev", ARCHIVE);
const { alerts, groups, dashboard } = manifests;
/** The names of the alerts about backups. */
const ofBackups = (all: typeof alerts) =>
  all.map(({ alert }) => alert!).filter((name) => /^App(Backup|Archive)/.test(name));
const targets = dashboard.panels.flatMap((panel) => panel.targets ?? []);
const names = [...new Set(alerts.map(({ alert }) => alert!))];
const runbookOf = (name: string) => `docs/monitoring.md#${name.toLowerCase()}`;

describe("the alerts", () => {
  let folder: string;
  let promtool: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "todo-app-rules-"));
    promtool = join(prometheusFolder(), "promtool");
  });
  after(() => rmSync(folder, { recursive: true }));

  function succeeds(...args: string[]) {
    const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: folder, encoding: "utf8" });
    assert.equal(status, 0, stdout + stderr);
    return stdout;
  }

  /** The rules of one alert, and the recorded ones that the objectives read: evaluating all takes seconds. */
  function rulesOf(alert: string, all: readonly Group[]) {
    const own = all.flatMap(({ rules }) => rules).filter((rule) => rule.alert === alert);
    const reads = own.some(({ expr }) => expr.includes("namespace_job:"));
    return all
      .map((group) => ({
        ...group,
        rules: group.rules.filter((rule) => own.includes(rule) || (reads && rule.record)),
      }))
      .filter(({ rules }) => rules.length);
  }

  const write = (file: string, content: object) =>
    writeFileSync(join(folder, file), stringify(content));

  function check({ alert, series, at, raised = [] }: Case, all = groups) {
    write("rules.yaml", { groups: rulesOf(alert, all) });
    const expected = raised.map(({ labels, summary }) => ({
      exp_labels: { namespace: NAMESPACE, ...labels },
      exp_annotations: { summary, runbook_url: runbookOf(alert) },
    }));
    const test = {
      interval: "1m",
      input_series: series.map(written),
      alert_rule_test: [{ eval_time: at, alertname: alert, exp_alerts: expected }],
    };
    // Every other evaluation comes between two values of the series, as it does in a real Prometheus.
    const file = { rule_files: ["rules.yaml"], evaluation_interval: "30s", tests: [test] };
    write("test.yaml", file);
    succeeds("test", "rules", "test.yaml");
  }

  it("are rules that Prometheus accepts, without doubles", () => {
    for (const each of [groups, archive.groups]) {
      write("rules.yaml", { groups: each });
      assert.match(succeeds("check", "rules", "--lint-fatal", "rules.yaml"), /SUCCESS/);
    }
  });

  for (const one of CASES)
    it(`${one.alert} is ${one.raised ? "" : "not "}raised when ${one.when}`, () => check(one));

  for (const one of ARCHIVE_CASES)
    it(`with CloudNativePG, ${one.alert} is ${one.raised ? "" : "not "}raised when ${one.when}`, () =>
      check(one, archive.groups));

  it("are all tried, those that are raised and those that are not", () => {
    const tried = (cases: readonly Case[], isRaised: boolean) => [
      ...new Set(cases.filter(({ raised }) => !!raised === isRaised).map(({ alert }) => alert)),
    ];
    for (const isRaised of [true, false]) {
      assert.deepEqual(tried(CASES, isRaised).sort(), [...names].sort());
      const ofArchive = [...ofBackups(alerts), "AppArchiveFails"];
      assert.deepEqual(ofBackups(archive.alerts), ofArchive);
      assert.deepEqual(tried(ARCHIVE_CASES, isRaised).sort(), ofArchive.toSorted());
    }
  });

  it("have a severity, a sentence and a runbook", () => {
    const runbooks = readFileSync("docs/monitoring.md", "utf8");
    for (const { alert, labels, annotations } of [...alerts, ...archive.alerts]) {
      assert.match(labels!.severity!, /^(critical|warning)$/, alert);
      assert.ok(annotations?.summary, alert);
      assert.equal(annotations.runbook_url, runbookOf(alert!));
      assert.ok(new RegExp(`^#{2,4} ${alert}$`, "m").test(runbooks), `no runbook of ${alert}`);
    }
  });

  it("look at their own namespace only", () => {
    for (const { expr } of [...groups, ...archive.groups].flatMap(({ rules }) => rules))
      for (const [, matchers] of expr.matchAll(/\w\{([^}]*)\}/g))
        assert.match(matchers!, new RegExp(`namespace="${NAMESPACE}"`), expr);
  });

  it("of a stage without certificate and backups do not ask for them", () => {
    const bare = manifestsOf("dev").alerts.map(({ alert }) => alert!);
    const missing = names.filter((name) => !bare.includes(name));
    assert.deepEqual(
      missing.map((name) => name.replace(/(Failed|Overdue|NotRenewed|Expires)$/, "")),
      ["AppCertificate", "AppCertificate", "AppBackup", "AppBackup"],
    );
  });
});

describe("the metrics of the app that are used", () => {
  /** Where the app declares its metrics, and what its client libraries add. */
  const declared = [
    ...["app/backend/app/metrics.py", "app/frontend/observability/metrics.ts"],
    "app/frontend/lib/useMetrics.ts",
  ].flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/"([a-z_]+)"/g)].map(([, name]) => name!),
  );
  const ofLibraries = ["up", "process_cpu_seconds_total", "process_resident_memory_bytes"];
  const recorded = groups.flatMap(({ rules }) => rules.flatMap(({ record }) => record ?? []));

  it("are those that it declares", () => {
    const queries = [...targets, ...groups.flatMap(({ rules }) => rules)].map(({ expr }) => expr);
    const used = new Set(queries.filter(isOfApp).flatMap(metricsIn));
    const known = new Set([...declared, ...ofLibraries, ...recorded]);
    const unknown = [...used].filter((name) => !known.has(name.replace(/_(bucket|count)$/, "")));
    assert.deepEqual(unknown, []);
    for (const name of declared.filter((found) => found.startsWith("todo_")))
      assert.ok(used.has(name), `nothing shows ${name}`);
  });
});

describe("the dashboard", () => {
  it("has panels that do not overlap, each with a query", () => {
    const cells = new Set<string>();
    const ids = new Set<number>();
    for (const { id, type, gridPos, targets: queries } of dashboard.panels) {
      assert.ok(!ids.has(id));
      ids.add(id);
      assert.ok(type === "row" || queries?.length);
      const { x: left, y: top, w: width, h: height } = gridPos;
      for (let x = left; x < left + width; x++)
        for (let y = top; y < top + height; y++) {
          assert.ok(x < 24 && !cells.has(`${x},${y}`), `${type} ${id}`);
          cells.add(`${x},${y}`);
        }
    }
    assert.ok(ids.size > 10);
  });

  it("is found by the sidecar, and its operator's objects by theirs", () => {
    assert.equal(manifests.configMap.metadata.labels.grafana_dashboard, "1");
    assert.equal(manifests.podMonitor.metadata.labels.release, "prometheus");
  });
});
