/**
 * A stage whose database CloudNativePG runs, with the real operator and its plugin for backups: deployed, in use while its primary
 * is lost, with new passwords, backed up into a bucket, tried out, and recovered into another cluster.
 */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { S3Server } from "../contract/s3Server.ts";
import { createMarker, removeStage } from "../e2e/support/kills.ts";
import { attempt, eventually, makeCheckout, sh } from "../e2e/support/shell.ts";
import { blocksBelow } from "../unit/support/documentedCommands.ts";
import { Operator, POSTGRES_IMAGE } from "./operator/operator.ts";
import { tlsBefore } from "./operator/tlsServer.ts";
import { ownStage } from "../e2e/support/ownStage.ts";

const stage = ownStage("cnpg");
/** The address of this machine at which the pods of the local cluster reach it. */
const ADDRESS = "10.245.0.1";

const POSTGRES = "cluster.postgresql.cnpg.io/postgres";

const took = (what: string, seconds: number) =>
  console.log(`      ${what} ${seconds.toFixed(0)} s`);

describe("a stage with CloudNativePG", () => {
  const operator = new Operator();
  const s3 = new S3Server();
  let cwd: string;
  let tls: Awaited<ReturnType<typeof tlsBefore>>;
  let markerIsServed: () => Promise<void>;
  let laterIsServed: () => Promise<void>;

  const set = (flags: string) => sh(`pulumi config set --stack ${stage.name} ${flags}`, { cwd });
  const succeeds = async (target: string) => {
    const outcome = await attempt(`make --silent ${target} STAGE=${stage.name}`, { cwd });
    assert.equal(outcome.code, 0, outcome.output);
    took(`make ${target}:`, outcome.seconds);
    return outcome;
  };
  const json = async (target: string) => {
    const command = `make --silent ${target} STAGE=${stage.name} ARGS=--json 2>/dev/null`;
    return JSON.parse((await attempt(command, { cwd })).output);
  };
  const cluster = (name = "postgres") =>
    stage
      .kubectl(`get clusters.postgresql.cnpg.io ${name} -o json`)
      .then((json) => JSON.parse(json));

  /** Runs a block of a page for this stage. */
  const follow = (block: string) =>
    sh(
      block
        .replaceAll("--context production", "--context minikube")
        .replaceAll("todo-app-production", `todo-app-${stage.name}`)
        .replaceAll(/(STAGE=|--stack )production/g, `$1${stage.name}`),
      { cwd },
    );

  /** The stage file: the images of dev, and a database of three servers. */
  const stageFile = (images: object) => ({
    config: Object.fromEntries(
      Object.entries({
        kubernetesContext: "minikube",
        host: stage.host,
        images: { registry: "localhost:5000", ...images },
        backend: { replicas: 1 },
        frontend: { replicas: 1 },
        route: { className: "nginx", namespace: "ingress-nginx" },
        database: { mode: "cloudnative-pg", image: POSTGRES_IMAGE },
        backup: { enabled: true, s3: { endpoint: tls.url, region: s3.region, bucket: s3.bucket } },
      }).map(([key, value]) => [`todo-app:${key}`, value]),
    ),
  });

  before(async () => {
    await s3.start(ADDRESS);
    cwd = await makeCheckout();
    await operator.install();
    tls = await tlsBefore(s3.endpoint, operator.certificate);
    const images = JSON.parse(await sh("pulumi stack output images --json --stack dev")) as object;
    writeFileSync(join(cwd, `Pulumi.${stage.name}.yaml`), stringify(stageFile(images)));
    await attempt(`pulumi stack init ${stage.name}`, { cwd }); // a test that was killed may have left it
    await set(`--secret todo-app:backupS3AccessKeyId ${s3.keyId}`);
    await set(`--secret todo-app:backupS3SecretAccessKey ${s3.key}`);
  });
  afterEach(async function () {
    if (this.currentTest?.state !== "failed") return;
    console.log(await operator.logs());
    for (const question of [
      "get pods,jobs,clusters.postgresql.cnpg.io,backups.postgresql.cnpg.io",
      "get events --sort-by .lastTimestamp | tail -30",
      "logs --selector cnpg.io/cluster --all-containers --prefix --tail 15 | cut -c 1-600",
    ])
      console.log(
        (await attempt(`kubectl --context minikube -n todo-app-cnpg ${question}`)).output,
      );
  });
  after(async () => {
    try {
      await removeStage(stage.name, cwd);
    } finally {
      await operator.remove();
      tls.end();
      await s3.remove();
      rmSync(cwd, { recursive: true });
    }
  });

  it("is deployed and serves", async () => {
    await succeeds("up");
    markerIsServed = await createMarker(stage.host);
    const { status } = await cluster();
    assert.equal(status.readyInstances, 3);
    await succeeds("smoke");
  });

  it("has nothing to change", async () => {
    assert.deepEqual((await json("preview")).changes, []);
  });

  it("has no drift", async () => {
    assert.deepEqual((await json("drift")).objects, []);
  });

  it("has nothing wrong with it", async () => {
    const { findings } = await json("doctor");
    // The name service of this machine knows the hosts of the stages of the project only.
    assert.deepEqual(
      findings.filter(({ rule }: { rule: string }) => rule !== "host-elsewhere"),
      [],
    );
  });

  it("serves its data when the pod of the primary is deleted", async () => {
    const { status } = await cluster();
    const begin = Date.now();
    await stage.kubectl(
      `delete pod ${status.currentPrimary} --wait=false --grace-period 0 --force`,
    );
    await eventually(120, async () => {
      assert.notEqual((await cluster()).status.currentPrimary, status.currentPrimary);
    });
    took("another primary after", (Date.now() - begin) / 1000);
    await markerIsServed();
    took("served after", (Date.now() - begin) / 1000);
    await eventually(180, async () => assert.equal((await cluster()).status.readyInstances, 3));
    took("three servers again after", (Date.now() - begin) / 1000);
  });

  for (const secret of [
    "databasePassword",
    "databasePassword ARGS=--leaked",
    "databaseOwnerPassword",
  ])
    it(`has a new ${secret}`, async () => {
      await succeeds(`rotate SECRET=${secret}`);
      await markerIsServed();
    });

  it("lets the node of its primary be drained", async () => {
    const { currentPrimary } = (await cluster()).status;
    const node = await stage.kubectl(`get pod ${currentPrimary} -o jsonpath='{.spec.nodeName}'`);
    const onNode = (command: string) => sh(`kubectl --context minikube ${command} ${node}`);
    const begin = Date.now();
    try {
      await onNode("drain --timeout 180s --delete-emptydir-data --pod-selector cnpg.io/cluster");
      took("drained after", (Date.now() - begin) / 1000);
      assert.notEqual((await cluster()).status.currentPrimary, currentPrimary);
      await markerIsServed();
    } finally {
      await onNode("uncordon");
    }
    await eventually(180, async () => assert.equal((await cluster()).status.readyInstances, 3));
  });

  it("is backed up by the schedule, and by hand with all that the backup needs", async () => {
    await eventually(120, async () => {
      assert.match((await succeeds("backups")).output, /^ {2}postgres-\d+ .* completed$/m);
    });
    const { output } = await succeeds("backup");
    const [, name] = /^backup (\S+) of cnpg: complete/m.exec(output)!;
    const last = await stage.kubectl(
      `get backups.postgresql.cnpg.io ${name} -o jsonpath='{.status.endWal}'`,
    );
    const files = s3.files().map((file) => file.split("/").at(-1)!);
    assert.ok(files.includes(`${last}.gz`), `${last} is in the bucket: ${files.join(" ")}`);
  });

  it("has the metrics that its alerts are about", async () => {
    const read = String.raw`exec 3<>/dev/tcp/127.0.0.1/9187 && printf "GET /metrics HTTP/1.0\r\n\r\n" >&3 && cat <&3`;
    const primary = "exec service/postgres-rw --container postgres --";
    const metrics = await stage.kubectl(`${primary} bash -c '${read}'`);
    const valueOf = (name: string) =>
      Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "m").exec(metrics)?.[1]);
    const ago = (name: string) => Date.now() / 1000 - valueOf(name);
    assert.ok(ago("barman_cloud_cloudnative_pg_io_last_available_backup_timestamp") < 600);
    assert.equal(valueOf("barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp"), 0);
    assert.ok(ago("cnpg_pg_stat_archiver_last_archived_time") < 600);
    // An attempt may fail while the primary changes.
    const failed = valueOf("cnpg_pg_stat_archiver_last_failed_time");
    assert.ok(failed < valueOf("cnpg_pg_stat_archiver_last_archived_time"));
  });

  it("shows by a drill that all of it can be recovered, over the change of its primary", async () => {
    laterIsServed = await createMarker(stage.host);
    const { output } = await succeeds("drill");
    const rows = await stage.kubectl(
      `exec service/postgres-rw --container postgres -- psql -d todo -Atc 'select count(*) from tasks'`,
    );
    const [, tables, found] = /can be recovered: (\d+) tables with (\d+) rows/.exec(output)!;
    assert.ok(Number(tables) > 3 && Number(found) > Number(rows), output);
    await eventually(30, async () => {
      assert.equal(await stage.kubectl("get clusters.postgresql.cnpg.io -o name"), POSTGRES);
    });
  });

  it("is recovered into another cluster by the commands of the documentation", async () => {
    const [recovery, removal] = blocksBelow("docs/backup.md", "Recover a CloudNativePG cluster");
    // Without a time, all that was archived is recovered.
    await follow(recovery!.text.replace(/^.*recovery\.time.*\n/m, ""));
    for (const isServed of [markerIsServed, laterIsServed]) await isServed();
    await follow(removal!.text);
    for (const isServed of [markerIsServed, laterIsServed]) await isServed();
  });
});
