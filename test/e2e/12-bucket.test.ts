/** Backups of a stage in a bucket: made, listed, restored, tried out, and refused once a byte of one was changed. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { S3Server } from "../contract/s3Server.ts";
import { attempt, eventually, kubectlIn, makeCheckout, sh } from "./support/shell.ts";

const STAGE = "bucket";
const NAMESPACE = `todo-app-${STAGE}`;
/** The address of this machine at which the pods of the local cluster reach it. */
const ADDRESS = "10.245.0.1";
const ROWS = "select count(*) from notes";

const kubectl = kubectlIn(NAMESPACE);
const psql = (query: string) =>
  kubectl(`exec statefulset/postgres -- psql -U todo -d todo -qAtc ${JSON.stringify(query)}`);

describe("backups in a bucket", () => {
  const s3 = new S3Server();
  let cwd = "";
  const make = (command: string) => attempt(`make --silent ${command} STAGE=${STAGE}`, { cwd });
  const succeeds = async (command: string) => {
    const outcome = await make(command);
    assert.equal(outcome.code, 0, outcome.output);
    return outcome;
  };
  const set = (flags: string) => sh(`pulumi config set --stack ${STAGE} ${flags}`, { cwd });

  /** The stage file: the images of dev, and nothing that a backup does not need. */
  const stageFile = (images: object) => ({
    config: Object.fromEntries(
      Object.entries({
        kubernetesContext: "minikube",
        host: `${STAGE}.todo-app.local`,
        images: { registry: "localhost:5000", ...images },
        backend: { replicas: 1 },
        frontend: { replicas: 1 },
        route: { className: "nginx", namespace: "ingress-nginx" },
        backup: {
          enabled: true,
          keep: 2,
          storage: "1Gi",
          s3: { endpoint: s3.endpoint, region: s3.region, bucket: s3.bucket },
        },
      }).map(([key, value]) => [`todo-app:${key}`, value]),
    ),
  });

  before(async () => {
    await s3.start(ADDRESS);
    cwd = await makeCheckout();
    const images = JSON.parse(await sh("pulumi stack output images --json --stack dev")) as object;
    writeFileSync(join(cwd, `Pulumi.${STAGE}.yaml`), stringify(stageFile(images)));
    await attempt(`pulumi stack init ${STAGE}`, { cwd }); // a test that was killed may have left it
    await set(`--secret todo-app:backupS3AccessKeyId ${s3.keyId}`);
    await set(`--secret todo-app:backupS3SecretAccessKey ${s3.key}`);
    await succeeds("up");
    await psql("create table notes (id int); insert into notes values (1), (2)");
  });
  after(async () => {
    await make("down ARGS=--remove");
    rmSync(cwd, { recursive: true });
    await s3.remove();
  });

  it("bring back what was there, and can be listed and tried out", async () => {
    assert.match((await succeeds("backups")).output, /^there is no backup of bucket yet/m);
    const made = await succeeds("backup");
    const [, name] = /^backup (\d{8}-\d{6}) of bucket: [\d.]+ [KM]iB in \d+ s$/m.exec(made.output)!;
    assert.deepEqual(
      s3.files(),
      ["dump", "manifest", "manifest.hmac"].map((file) => `${NAMESPACE}/${name}/${file}`),
    );
    const listed = await succeeds("backups");
    assert.match(listed.output, new RegExp(`^ {2}${name} .* ago {2}ok$`, "m"));
    assert.match(listed.output, /^of a dump in the bucket, only the size was compared/m);

    await psql("delete from notes");
    const restored = await succeeds(`restore BACKUP=${name}`);
    await eventually(30, async () => assert.equal(await psql(ROWS), "2"));
    const drilled = await succeeds("drill");
    assert.match(drilled.output, new RegExp(`^backup ${name} of bucket can be restored: `, "m"));
    await refuses(name!);

    assert.doesNotMatch(await kubectl("get jobs -o name"), /by-hand/);
    await eventually(60, async () =>
      assert.equal(
        await kubectl("get persistentvolumeclaims -o name"),
        "persistentvolumeclaim/postgres-data",
      ),
    );
    console.log(
      `      backup ${made.seconds.toFixed(1)} s, list ${listed.seconds.toFixed(1)} s, ` +
        `restore ${restored.seconds.toFixed(1)} s, drill ${drilled.seconds.toFixed(1)} s`,
    );
  });

  async function refuses(name: string) {
    s3.damage(`${NAMESPACE}/${name}/dump`);
    const { code, output } = await make(`restore BACKUP=${name}`);
    assert.notEqual(code, 0);
    assert.ok(output.includes(`error: backup ${name} can't be used: the dump was altered`), output);
    assert.equal(await psql(ROWS), "2");
  }

  it("say that the bucket is missing, and leave none behind", async () => {
    await kubectl(`set env cronjob/backup --containers=upload S3_BUCKET=misspelt`);
    const { code, output } = await make("backup");
    assert.notEqual(code, 0);
    assert.ok(output.includes(`error: there is no bucket misspelt at ${s3.endpoint}`), output);
  });
});
