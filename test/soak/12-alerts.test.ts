/**
 * Each alert fires in a real Prometheus, by a cause that is real: containers crash, backups fail, a volume is filled, requests wait.
 * The rules are those that a deploy has declared; they only wait for seconds instead of minutes or hours. The metrics of
 * kube-state-metrics are those of a stand-in (alerts/objectMetrics.ts). docs/monitoring.md says what is not caused here.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { authorization, callApi, send, signUp, type Account } from "../e2e/support/api.ts";
import { renew } from "../e2e/stages/support.ts";
import { removeStage } from "../e2e/support/kills.ts";
import { underLoad, type Target } from "../e2e/support/load.ts";
import { attempt, eventually, makeCheckout, sh } from "../e2e/support/shell.ts";
import {
  authority as authorityOf,
  crash,
  emptyQuota,
  fillQuota,
  letBackupsIn,
  lockTasks,
  setCertificate,
} from "./alerts/causes.ts";
import { ownVolumes } from "./alerts/volume.ts";
import { AlertWatch } from "./alerts/watch.ts";
import { ownStage } from "../e2e/support/ownStage.ts";

const stage = ownStage("alerts");
const NAMESPACE = `todo-app-${stage.name}`;
const AUTHORITY = "authority";
/** In MiB. A database with less than some segments of its log left would end. */
const VOLUMES = { "postgres-data": 1024, backups: 256 };
/** In the pod itself, where no language model answers. */
const NOBODY = "http://127.0.0.1:9/v1";
/** Within that, Prometheus has what has happened, and has evaluated it. */
const SCRAPED_MS = 4000;
const TASKS: readonly Target[] = [{ method: "GET", path: "/api/tasks" }];
/** Few quick requests come between those that wait. */
const STEADY = { connections: 12, pauseMs: 500 };
const BUSY = { connections: 8, pauseMs: 20 };
const PAGE: readonly Target[] = [{ method: "GET", path: "/sign-in" }];

/** Small enough for two cores, with a backup each minute and an autoscaler that is soon at its maximum. */
const settings = (storageClassName: string) => ({
  "todo-app:backend": { replicas: 1 },
  "todo-app:frontend": {
    replicas: 1,
    autoscaling: { minReplicas: 1, maxReplicas: 2, targetCPUUtilization: 60 },
  },
  "todo-app:database": {
    mode: "in-cluster",
    storage: `${VOLUMES["postgres-data"]}Mi`,
    storageClassName,
  },
  "todo-app:backup": { enabled: true, schedule: "* * * * *", storage: `${VOLUMES.backups}Mi` },
  "todo-app:llm": { provider: "openai", baseUrl: NOBODY },
  "todo-app:quota": { memory: "8Gi" },
  "todo-app:monitoring": { enabled: true, namespace: "monitoring" },
});

describe("an alert fires when", () => {
  const volumes = ownVolumes(NAMESPACE, NAMESPACE);
  const watch = new AlertWatch(NAMESPACE);
  const folder = mkdtempSync(join(tmpdir(), "todo-app-authority-"));
  const authority = authorityOf(stage, AUTHORITY, folder);
  /** Alerts that have fired. */
  const seen = new Set<string>();
  /** When the causes were there that take minutes to show. */
  const begun = { backups: 0, volumes: 0 };
  let cwd: string;
  let account: Account;

  const config = (args: string) => sh(`pulumi config set --stack ${stage.name} ${args}`, { cwd });
  const quiet = async (name: string) =>
    assert.deepEqual(await watch.firing(name), [], `${name} fires before its cause`);

  /** Waits until the alert fires, and says how soon Prometheus has seen its cause. */
  async function fires(name: string, begin: number, seconds = 60): Promise<void> {
    await eventually(seconds, async () => {
      assert.ok((await watch.firing(name)).length, `${name} does not fire`);
    });
    seen.add(name);
    for (const { labels, annotations, activeAt } of await watch.firing(name)) {
      assert.equal(labels.namespace, NAMESPACE);
      assert.doesNotMatch(annotations.summary!, /no value|<error/);
      const after = ((Date.parse(activeAt) - begin) / 1000).toFixed(0);
      console.log(`      ${name} (${labels.severity}) after ${after} s: ${annotations.summary}`);
    }
  }

  async function ends(name: string, seconds = 60): Promise<void> {
    const begin = Date.now();
    await eventually(seconds, () => quiet(name));
    console.log(`      ${name} ends after ${((Date.now() - begin) / 1000).toFixed(0)} s`);
  }

  /** Sends requests while something happens. Many of them may fail. */
  async function underRequests(
    targets: readonly Target[],
    options: { readonly connections: number; readonly pauseMs: number },
    meanwhile: () => Promise<void>,
  ): Promise<void> {
    const headers = { Host: stage.host, ...(await authorization(account)) };
    await underLoad("todo-app.local", headers, targets, meanwhile, options);
  }

  before(async () => {
    cwd = await makeCheckout();
    await volumes.createClass();
    for (const [claim, mebibytes] of Object.entries(VOLUMES)) await volumes.add(claim, mebibytes);
    stage.writeFile(cwd, () => settings(NAMESPACE));
    await stage.make("cluster", cwd); // makes the passphrase as well
    await sh(`pulumi stack init ${stage.name}`, { cwd });
    await config("--secret todo-app:openaiApiKey sk-nobody");
    await stage.make("up", cwd);
    account = await signUp(stage.host);
    await callApi(account, "/api/tasks");
    await watch.start();
  });
  after(async () => {
    await watch.stop();
    await removeStage(stage.name, cwd).finally(volumes.remove);
    for (const each of [cwd, folder]) rmSync(each, { recursive: true });
  });

  it("nothing of this has happened, is not so", async () => {
    for (const name of watch.declared) await quiet(name);
    await letBackupsIn(stage, false);
    begun.backups = Date.now();
    await volumes.fill("postgres-data", 0.96);
    begun.volumes = Date.now();
  });

  it("the autoscaler can add no more pods", () =>
    underRequests(PAGE, BUSY, () => fires("AppAutoscalerAtMaximum", Date.now(), 180)));

  it("a container has crashed three times", async () => {
    const begin = Date.now();
    await crash(stage, "frontend", 3, async (restarts) => {
      await sleep(SCRAPED_MS);
      if (restarts < 3) await quiet("AppRestarts");
    });
    await fires("AppRestarts", begin);
  });

  it("pods use up the quota", async () => {
    const begin = Date.now();
    await fillQuota(stage, 0.85);
    await fires("AppQuotaNearlyUsed", begin);
    await emptyQuota(stage);
    await ends("AppQuotaNearlyUsed");
  });

  it("requests are slow", async () => {
    const begin = Date.now();
    await underRequests(TASKS, STEADY, async () => {
      for (let round = 0; round < 6; round++) await lockTasks(stage, 2);
    });
    await quiet("AppErrors");
    await fires("AppSlow", begin);
  });

  it("requests wait for the connections to the database, and fail", async () => {
    await eventually(30, () => quiet("AppDatabaseConnections"));
    const begin = Date.now();
    await underRequests(TASKS, STEADY, async () => {
      const locked = lockTasks(stage, 30);
      await fires("AppDatabaseConnections", begin);
      await fires("AppErrors", begin);
      await locked;
    });
    await ends("AppDatabaseConnections");
  });

  it("the language model does not answer", async () => {
    const begin = Date.now();
    const messages = [{ role: "user", content: "what is left?" }];
    for (let question = 0; question < 6; question++)
      await send(stage.host, "/api/chat", {
        method: "POST",
        body: { messages, today: "2030-05-01" },
        headers: await authorization(account),
      });
    await fires("AppAssistantFails", begin);
  });

  it("the volume of the database is filled", async () => {
    await fires("AppVolumeNearlyFull", begun.volumes, 150);
    const severities = async () =>
      (await watch.firing("AppVolumeNearlyFull"))
        .map(({ labels }) => `${labels.persistentvolumeclaim} ${labels.severity}`)
        .sort();
    await eventually(10, async () =>
      assert.deepEqual(await severities(), ["postgres-data critical", "postgres-data warning"]),
    );
    volumes.empty("postgres-data");
  });

  it("scheduled backups fail", async () => {
    for (const name of ["AppBackupFailed", "AppBackupOverdue"])
      await fires(name, begun.backups, 240);
    await letBackupsIn(stage, true);
  });

  it("a certificate should have been renewed, and its authority is lost", async () => {
    await authority.create();
    await config("--path todo-app:tls.issuer ca");
    await config(`--path todo-app:tls.caSecretName ${AUTHORITY}`);
    await stage.make("up", cwd);
    await watch.readRules();
    await authority.lose();
    const begin = Date.now();
    // It lasts for 90 days.
    await setCertificate(stage, { renewBeforePercentage: null, renewBefore: "2159h59m50s" });
    await fires("AppCertificateNotRenewed", begin);
    await quiet("AppCertificateExpires");
  });

  it("one that ends soon should have been", async () => {
    await authority.create();
    await ends("AppCertificateNotRenewed", 120);
    // It ends within two days from its first moment on.
    await setCertificate(stage, { duration: "1h", renewBefore: null });
    await renew(stage);
    await eventually(60, async () => {
      const end = await stage.kubectl("get certificate todo-app -o jsonpath='{.status.notAfter}'");
      assert.ok(Date.parse(end) < Date.now() + 2 * 3_600_000, end);
    });
    await authority.lose();
    const begin = Date.now();
    await setCertificate(stage, { renewBefore: "59m50s" });
    await fires("AppCertificateExpires", begin);
    await authority.create();
    await ends("AppCertificateExpires", 120);
    await setCertificate(stage, { renewBefore: null });
  });

  it("a migration fails, until the next one succeeds", async () => {
    const file = join(cwd, "app/backend/app/migrate.py");
    const program = readFileSync(file, "utf8");
    const broken = program.replace(
      /^def wait_for_database\(.*$/m,
      '$&\n    raise SystemExit("this migration is broken")',
    );
    assert.notEqual(broken, program);
    writeFileSync(file, broken);
    const begin = Date.now();
    const deploy = attempt(`make up STAGE=${stage.name}`, { cwd });
    await fires("AppMigrationFailed", begin, 240);
    assert.notEqual((await deploy).code, 0);
    writeFileSync(file, program);
    await stage.make("up", cwd);
    await ends("AppMigrationFailed");
  });

  it("its cause is there, and ends after it", async () => {
    await ends("AppVolumeNearlyFull", 120);
    await ends("AppBackupFailed", 150);
    await ends("AppBackupOverdue", 150);
    assert.deepEqual([...seen].sort(), [...watch.declared].sort());
  });
});
