/** What a stage deploys whose backups are in a bucket, beside what test/unit/backup.test.ts says of all of them. */
import assert from "node:assert/strict";
import { parseConfig } from "../../config/load.ts";
import { imageReference } from "../../config/pins.ts";
import { find, isSecret, record, redact, type Recorded } from "./support/record.ts";
import { withKeys } from "./support/stages.ts";

const S3 = { endpoint: "https://s3.example.com:9000", region: "eu-north-1", bucket: "safe" };
const PROGRAM = "bucket"; // an instance of the program for these tests
const KEYS = { backupS3AccessKeyId: "canary-id", backupS3SecretAccessKey: "canary-key" };
const BACKUP = { enabled: true, keep: 7, storage: "20Gi" };

describe("a stage with backups in a bucket", () => {
  let resources: readonly Recorded[];
  before(async () => {
    const database = { storage: "9Gi", storageClassName: "fast" };
    const changes = { backup: { ...BACKUP, s3: S3 }, database, ...KEYS };
    const program = () => import(`../../index.ts?${PROGRAM}`);
    ({ resources } = await record(program, "dev", withKeys("dev", changes)));
  });

  const podOf = (name: string) =>
    find(resources, "CronJob").find(({ inputs }) => inputs.metadata.name === name)!.inputs.spec
      .jobTemplate.spec.template.spec;
  /** The containers of a workload in the order in which they run. */
  const containersOf = (name: string): any[] => [
    ...podOf(name).initContainers,
    ...podOf(name).containers,
  ];
  const env = (container: any) =>
    Object.fromEntries(container.env.map(({ name, value }: any) => [name, value]));
  const mounts = (container: any) =>
    Object.fromEntries(container.volumeMounts.map((each: any) => [each.mountPath, each]));
  const volume = (name: string, wanted: string) =>
    podOf(name).volumes.find((each: any) => each.name === wanted);

  it("dumps and then uploads, and downloads before a restore and a drill", () => {
    const commands = (name: string) =>
      containersOf(name).map(({ image, command }) => [image, ...command]);
    const server = find(resources, "StatefulSet")[0]!.inputs.spec.template.spec.containers[0];
    const rclone = imageReference("rclone");
    const program = (image: string, shell: string, file: string) => [
      image,
      shell,
      `/programs/${file}.sh`,
    ];
    assert.deepEqual(commands("backup"), [
      program(server.image, "bash", "backup"),
      program(rclone, "sh", "upload"),
    ]);
    for (const name of ["restore", "drill"])
      assert.deepEqual(commands(name), [
        program(rclone, "sh", "download"),
        program(server.image, "bash", name),
      ]);
    const { data } = find(resources, "ConfigMap").find(
      ({ name }) => name === "backup-programs",
    )!.inputs;
    for (const file of ["bucket.sh", "upload.sh", "download.sh"]) assert.ok(data[file], file);
  });

  it("tells the transfer where the bucket is, and the program that there is one", () => {
    const [dump, upload] = containersOf("backup");
    const { S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_PREFIX, KEEP } = env(upload);
    assert.deepEqual(
      [S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_PREFIX, KEEP],
      [S3.endpoint, S3.region, S3.bucket, "todo-app-dev", "7"],
    );
    assert.equal(env(dump).IN_BUCKET, "true");
    for (const name of ["restore", "drill"]) {
      const [download, own] = containersOf(name);
      assert.equal(env(download).S3_PREFIX, "todo-app-dev");
      assert.equal(env(own).IN_BUCKET, "true");
    }
  });

  it("gives the key for the bucket to the transfer alone, and no other secret to it", () => {
    for (const name of ["backup", "restore", "drill"])
      for (const container of containersOf(name)) {
        const isTransfer = /load$/.test(container.name);
        const files = Object.keys(env(container)).filter((key) => key.endsWith("_FILE"));
        const isOfBucket = files.map((key) => key.startsWith("S3_"));
        assert.ok(files.length && isOfBucket.every((each) => each === isTransfer), container.name);
        const mounted = mounts(container)["/run/secrets/todo-app"].name;
        const { secretName } = volume(name, mounted).secret;
        assert.match(secretName, isTransfer ? /^secrets-bucket-/ : new RegExp(`^secrets-${name}-`));
      }
    const secret = find(resources, "Secret").find(({ name }) => name === "secrets-bucket")!;
    assert.ok(isSecret(secret.inputs.stringData));
    const clear = JSON.stringify(resources.map(({ inputs }) => redact(inputs, "")));
    assert.ok(!clear.includes("canary"));
  });

  it("shares a volume of the pod's own between both, and no directory for temporary files", () => {
    for (const name of ["backup", "restore", "drill"]) {
      const [first, second] = containersOf(name).map(mounts) as [any, any];
      assert.equal(first["/backups"].name, second["/backups"].name);
      assert.deepEqual(
        [first["/backups"].readOnly, second["/backups"].readOnly],
        [undefined, true],
      );
      assert.notEqual(first["/tmp"].name, second["/tmp"].name);
      assert.equal(first["/scratch"], undefined);
      assert.deepEqual(volume(name, "data").ephemeral.volumeClaimTemplate.spec, {
        accessModes: ["ReadWriteOnce"],
        resources: { requests: { storage: "20Gi" } },
        storageClassName: "fast",
      });
    }
    assert.ok(mounts(containersOf("drill")[1])["/scratch"]);
    const claims = find(resources, "PersistentVolumeClaim").map(({ name }) => name);
    assert.deepEqual(claims, ["postgres-data"]);
  });

  it("restricts both containers in the same way", () => {
    for (const name of ["backup", "restore", "drill"])
      for (const container of containersOf(name)) {
        assert.deepEqual(container.securityContext, {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
          privileged: false,
          readOnlyRootFilesystem: true,
        });
        assert.ok(container.resources.limits.memory);
      }
  });
});

describe("the bucket of backups", () => {
  const parse = (changes: Readonly<Record<string, unknown>>) =>
    parseConfig("dev", withKeys("dev", changes));
  const bucketOf = (s3: object) =>
    parse({ backup: { ...BACKUP, s3: { ...S3, ...s3 } }, ...KEYS }).database.backup!.bucket!;

  it("is reached on the port of its endpoint", () => {
    for (const [endpoint, port] of [
      ["https://s3.example.com", 443],
      ["http://minio.storage:9000", 9000],
      ["http://minio.storage", 80],
    ] as const)
      assert.deepEqual(bucketOf({ endpoint }).callees, [{ kind: "outside", port }]);
  });

  it("has a folder of the stage's own, unless another one is named", () => {
    assert.equal(bucketOf({}).settings.S3_PREFIX, "todo-app-dev");
    assert.equal(bucketOf({ prefix: "team/todo" }).settings.S3_PREFIX, "team/todo");
    for (const prefix of ["/todo", "todo/", "a//b", "../b"])
      assert.throws(
        () => bucketOf({ prefix }),
        /backup\.s3\.prefix is .*; allowed: a folder/,
        prefix,
      );
  });

  it("needs both parts of its key, which are refused without it", () => {
    for (const key of Object.keys(KEYS)) {
      assert.throws(
        () => parse({ backup: { ...BACKUP, s3: S3 }, ...KEYS, [key]: "" }),
        new RegExp(`${key} is missing; allowed: that of a key for the bucket safe,`),
      );
      assert.throws(
        () => parse({ backup: BACKUP, [key]: "canary" }),
        new RegExp(`${key} is \\[secret\\]; allowed: no value, because backup\\.s3 is not set`),
      );
    }
  });

  it("may be named before backups are switched on", () => {
    const config = parse({ backup: { s3: S3 } });
    assert.deepEqual([config.database.backup, config.secrets.bucketKey], [undefined, undefined]);
  });
});
