/** What `monitoring.enabled` declares, against the real API server, and a real Prometheus that scrapes the pods of dev. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forwardPort, type PortForward } from "../../ops/lib/portForward.ts";
import { isOfApp, manifestsOf } from "../monitoring/manifests.ts";
import { Prometheus, type Target } from "../monitoring/prometheus.ts";
import { callApi, send, signUp } from "./support/api.ts";
import { NAMESPACE, eventually, kubectl, sh } from "./support/shell.ts";

/** AppDown waits for five minutes; here it need not. */
const SHORT_WAIT = "3s";
/** Each panel has its data after some rounds of load. */
const ROUNDS = 4;

const PLACE = { context: "minikube", namespace: NAMESPACE };
const PATIENCE_MS = 10_000;

const { text, podMonitor, groups, alerts, dashboard } = manifestsOf("dev");

/** The pods that the PodMonitor selects, with their port for metrics and the label that becomes `job`. */
async function selectedPods() {
  const { selector, jobLabel, podMetricsEndpoints } = podMonitor.spec;
  const [{ key, values }] = selector.matchExpressions;
  const equal = Object.entries(selector.matchLabels).map(([name, value]) => `${name}=${value}`);
  const labels = [...equal, `${key} in (${values.join(",")})`].join(",");
  const { items } = JSON.parse(
    await kubectl(`get pods --selector '${labels}' --field-selector status.phase=Running -o json`),
  );
  const staying = items.filter(({ metadata }: any) => !metadata.deletionTimestamp);
  return staying.map(({ metadata, spec }: any) => ({
    pod: metadata.name as string,
    job: metadata.labels[jobLabel] as string,
    port: spec.containers[0].ports.find(({ name }: any) => name === podMetricsEndpoints[0].port)
      ?.containerPort as number | undefined,
  })) as readonly { pod: string; job: string; port?: number }[];
}

describe("monitoring", () => {
  const prometheus = new Prometheus();
  const forwarded: { readonly job: string; readonly forward: PortForward }[] = [];
  const firing = async () => (await prometheus.alerts()).filter(({ state }) => state === "firing");

  before(async () => {
    const targets: Target[] = [];
    for (const { pod, job, port } of await selectedPods()) {
      const forward = forwardPort(PLACE, pod, port!, PATIENCE_MS);
      forwarded.push({ job, forward });
      targets.push({ address: await forward.address, labels: { namespace: NAMESPACE, job, pod } });
    }
    for (const rule of alerts) if (rule.alert === "AppDown") rule.for = SHORT_WAIT;
    await prometheus.start(targets, groups);
    // The first values must be there before the load: what is counted before them is no increase.
    await eventually(20, async () =>
      assert.equal((await prometheus.query("up == 1")).length, targets.length),
    );
  });

  after(async () => {
    for (const { forward } of forwarded) forward.end();
    await prometheus.stop();
  });

  it("is declared by objects that the API server accepts, without an unknown field", async () => {
    const folder = mkdtempSync(join(tmpdir(), "todo-app-monitoring-"));
    try {
      const file = join(folder, "objects.yaml");
      writeFileSync(file, text);
      const options = "--server-side --dry-run=server --validate=strict";
      const output = await sh(`kubectl --context minikube apply ${options} -f ${file}`);
      assert.equal(output.match(/serverside-applied/g)?.length, 3, output);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("selects every pod of both services by its port for metrics", async () => {
    const pods = await selectedPods();
    const replicas = await kubectl(
      "get deployments backend frontend -o jsonpath='{.items[*].status.readyReplicas}'",
    );
    const expected = replicas.split(" ").reduce((sum, count) => sum + Number(count), 0);
    assert.equal(pods.length, expected);
    for (const { pod, job, port } of pods) {
      assert.match(pod, new RegExp(`^${job}-`));
      assert.equal(port, 9464);
    }
  });

  it("shows data of the app in every panel after a little load, and raises no alert", async () => {
    const account = await signUp();
    for (let round = 0; round < ROUNDS; round++) {
      const add = { method: "POST", body: { title: "count me" } };
      const { id } = await callApi(account, "/api/tasks", add);
      const done = { method: "PATCH", body: { completed: true } };
      await callApi(account, `/api/tasks/${id}`, done);
      const messages = [{ role: "user", content: "what is left?" }];
      const asked = { method: "POST", body: { messages, today: "2030-05-01" } };
      await callApi(account, "/api/chat", asked).catch((error: unknown) => {
        // Its answer is one JSON object per line, and not one document.
        if (!(error instanceof SyntaxError)) throw error;
      });
      assert.equal((await send(account.host, "/sign-in")).status, 200);
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
    const queries = dashboard.panels
      .flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })))
      .filter(({ expr }) => isOfApp(expr));
    assert.ok(queries.length >= 15);
    for (const { title, expr } of queries)
      await eventually(20, async () => {
        const now = expr.replaceAll("$__rate_interval", "1m").replaceAll("$price", "1");
        const samples = await prometheus.query(now);
        const known = samples.filter(({ value }) => !Number.isNaN(Number(value[1])));
        assert.ok(known.length, `${title}: no data for ${now}`);
        if (title.startsWith("New accounts"))
          assert.ok(Number(known[0]!.value[1]) > 0, `${title}: nothing counted by ${now}`);
      });
    assert.deepEqual(await firing(), []);
  });

  it("raises AppDown once no pod of a service can be scraped", async () => {
    for (const { job, forward } of forwarded) if (job === "backend") forward.end();
    await eventually(30, async () => {
      const alerts = await firing();
      assert.deepEqual(
        alerts.map(({ labels }) => labels),
        [{ alertname: "AppDown", job: "backend", namespace: NAMESPACE, severity: "critical" }],
      );
      assert.equal(alerts[0]!.annotations.runbook_url, "docs/monitoring.md#appdown");
    });
  });
});
