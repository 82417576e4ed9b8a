/** What a stage with CloudNativePG deploys so that its database is backed up, and recovered from a backup. */
import assert from "node:assert/strict";
import { parseConfig } from "../../config/load.ts";
import { memoryBytes } from "../../components/kubernetes/resources.ts";
import { find, isSecret, record, redact, type Recorded } from "./support/record.ts";
import { withKeys } from "./support/stages.ts";

const S3 = { endpoint: "https://s3.example.com:9000", region: "eu-north-1", bucket: "safe" };
const KEYS = { backupS3AccessKeyId: "canary-id", backupS3SecretAccessKey: "canary-key" };
const DATABASE = { mode: "cloudnative-pg", image: "ghcr.io/cloudnative-pg/postgresql:17" };
const BACKUP = { enabled: true, schedule: "0 3 * * 0", keepDays: 30, s3: S3 };

let runs = 0;
async function deployed(database: object = {}, changes: object = {}) {
  const program = () => import(`../../index.ts?cluster-backup-${runs++}`);
  const keys = { database: { ...DATABASE, ...database }, backup: BACKUP, ...KEYS, ...changes };
  return (await record(program, "dev", withKeys("dev", keys))).resources;
}
const only = (resources: readonly Recorded[], kind: string) => {
  const [found, ...others] = find(resources, kind);
  assert.deepEqual(others, []);
  return found!;
};

describe("a CloudNativePG cluster with backups", () => {
  let resources: readonly Recorded[];
  before(async () => {
    resources = await deployed();
  });

  it("sends its write-ahead log to the bucket, in a folder of its own", () => {
    const store = only(resources, "ObjectStore");
    assert.equal(store.inputs.apiVersion, "barmancloud.cnpg.io/v1");
    const { configuration, retentionPolicy } = store.inputs.spec;
    assert.equal(configuration.endpointURL, "https://s3.example.com:9000");
    assert.equal(configuration.destinationPath, "s3://safe/todo-app-dev");
    assert.equal(retentionPolicy, "30d");
    const cluster = only(resources, "Cluster");
    assert.deepEqual(cluster.inputs.spec.plugins, [
      {
        name: "barman-cloud.cloudnative-pg.io",
        isWALArchiver: true,
        parameters: { barmanObjectName: "postgres" },
      },
    ]);
    assert.equal(store.inputs.metadata.name, "postgres");
    assert.deepEqual(cluster.inputs.spec.backup, undefined, "nothing of what is deprecated");
    assert.ok(cluster.dependsOn.includes(store.urn));
  });

  it("is backed up on the schedule, in seconds too, and once at the beginning", () => {
    const schedule = only(resources, "ScheduledBackup");
    assert.deepEqual(schedule.inputs.spec, {
      schedule: "0 0 3 * * 0",
      immediate: true,
      backupOwnerReference: "none",
      cluster: { name: "postgres" },
      method: "plugin",
      pluginConfiguration: { name: "barman-cloud.cloudnative-pg.io" },
    });
    assert.ok(schedule.dependsOn.includes(only(resources, "Cluster").urn));
  });

  it("logs in to the bucket with a Secret, whose values are nowhere else", () => {
    const { accessKeyId, secretAccessKey, region } = only(resources, "ObjectStore").inputs.spec
      .configuration.s3Credentials;
    const secret = find(resources, "Secret").find(({ name }) => name === "secrets-bucket")!;
    assert.ok(isSecret(secret.inputs.stringData));
    const { secret: data } = secret.inputs.stringData;
    for (const [{ name, key }, value] of [
      [accessKeyId, "canary-id"],
      [secretAccessKey, "canary-key"],
      [region, "eu-north-1"],
    ]) {
      assert.equal(name, "secrets-bucket-1a2b3c4d");
      assert.equal(data[key].secret ?? data[key], value);
    }
    assert.ok(
      !JSON.stringify(resources.map(({ inputs }) => redact(inputs, ""))).includes("canary"),
    );
  });

  it("may connect to the port of the bucket, and nobody else may connect to it for that", async () => {
    const policyOf = (all: readonly Recorded[]) =>
      find(all, "NetworkPolicy").find(({ name }) => name === "postgres")!.inputs.spec;
    const without = policyOf(await deployed({}, { backup: {}, ...noKeys }));
    const ports = ({ egress }: any) => egress.map(({ ports: [{ port }] }: any) => port);
    assert.deepEqual(ports(policyOf(resources)), [...ports(without), 9000]);
    assert.deepEqual(policyOf(resources).ingress, without.ingress);
  });

  it("has no CronJob, no volume and no key of dumps", () => {
    for (const kind of ["CronJob", "PersistentVolumeClaim", "StatefulSet"])
      assert.deepEqual(find(resources, kind), [], kind);
    assert.ok(!resources.some(({ name }) => name === "secrets-backup-key"));
  });

  it("gives the container that does it limits, for which the quota has room, and for a drill", () => {
    const { resources: own } = only(resources, "ObjectStore").inputs.spec
      .instanceSidecarConfiguration;
    const keys = { quota: { pods: 1, cpu: "1", memory: "1Gi" } };
    const peak = (backup: object, secrets: object) => {
      try {
        parseConfig("dev", withKeys("dev", { database: DATABASE, backup, ...secrets, ...keys }));
      } catch (error) {
        const { message } = error as Error;
        const [, pods, memory] =
          /pods is 1; allowed: at least (\d+)[^]*memory is "1Gi"; allowed: at least (\d+)Gi/.exec(
            message,
          )!;
        return { pods: Number(pods), gibibytes: Number(memory) };
      }
      return assert.fail("it was accepted");
    };
    const [without, having] = [peak({}, {}), peak(BACKUP, KEYS)];
    assert.equal(having.pods, without.pods + 1);
    const containers = 5 * memoryBytes(own.limits.memory); // three servers, one in their place, a drill
    assert.ok(having.gibibytes - without.gibibytes >= Math.floor(containers / 2 ** 30));
  });

  it("without backups has none of it", async () => {
    const bare = await deployed({}, { backup: {}, ...noKeys });
    for (const kind of ["ObjectStore", "ScheduledBackup"]) assert.deepEqual(find(bare, kind), []);
    assert.equal(only(bare, "Cluster").inputs.spec.plugins, undefined);
  });
});

const noKeys = { backupS3AccessKeyId: "", backupS3SecretAccessKey: "" };

describe("a CloudNativePG cluster that is recovered", () => {
  const recovery = { clusterName: "postgres", time: "2026-03-02T14:05:00Z" };

  it("is a new one, made from the folder of the other one up to a moment", async () => {
    const resources = await deployed({ clusterName: "postgres-2", recovery });
    const { metadata, spec } = only(resources, "Cluster").inputs;
    assert.equal(metadata.name, "postgres-2");
    assert.deepEqual(spec.bootstrap, {
      recovery: {
        source: "source",
        database: "todo",
        owner: "todo",
        secret: { name: "secrets-postgres-1a2b3c4d" },
        recoveryTarget: { targetTime: "2026-03-02T14:05:00Z" },
      },
    });
    assert.deepEqual(spec.externalClusters, [
      {
        name: "source",
        plugin: {
          name: "barman-cloud.cloudnative-pg.io",
          parameters: { barmanObjectName: "postgres", serverName: "postgres" },
        },
      },
    ]);
    const [plugin] = spec.plugins;
    assert.equal(plugin.parameters.serverName, undefined, "it archives under its own name");
    const schedule = only(resources, "ScheduledBackup").inputs;
    assert.deepEqual(
      [schedule.metadata.name, schedule.spec.cluster.name],
      Array(2).fill("postgres-2"),
    );
  });

  it("without a time has all that was archived", async () => {
    const other = { clusterName: "postgres-2", recovery: { clusterName: "postgres" } };
    const { recovery: target } = only(await deployed(other), "Cluster").inputs.spec.bootstrap;
    assert.equal(target.recoveryTarget, undefined);
  });

  it("is what the app connects to, without a restart by hand", async () => {
    const resources = await deployed({ clusterName: "postgres-2", recovery });
    const urls = JSON.stringify(find(resources, "Secret").map(({ inputs }) => inputs.stringData));
    assert.match(urls, /@postgres-2-rw:5432\/todo\?sslmode=require/);
    assert.doesNotMatch(urls, /@postgres-rw:/);
  });

  for (const [change, message] of [
    [{ backup: { enabled: true } }, /backup\.s3 is missing; allowed: a bucket/],
    [
      { backup: { ...BACKUP, s3: { ...S3, endpoint: "http://minio:9000" } } },
      /backup\.s3\.endpoint is "?http:\/\/minio:9000"?; allowed: an https URL/,
    ],
    [
      { database: { ...DATABASE, recovery: { clusterName: "postgres" } } },
      /database\.clusterName is missing; allowed: another name/,
    ],
    [
      {
        database: { ...DATABASE, clusterName: "new", recovery: { clusterName: "postgres" } },
        backup: {},
        ...noKeys,
      },
      /backup\.enabled is missing; allowed: true/,
    ],
    [
      {
        database: { ...DATABASE, clusterName: "new", recovery: { clusterName: "a", time: "now" } },
      },
      /database\.recovery\.time is "?now"?; allowed: a time in UTC/,
    ],
    [
      { database: { ...DATABASE, clusterName: "Postgres_2" } },
      /database\.clusterName is "?Postgres_2"?; allowed: the name of a CloudNativePG cluster/,
    ],
    [
      { database: { clusterName: "new" }, backup: {}, ...noKeys },
      /database\.clusterName.*database\.mode is not cloudnative-pg/s,
    ],
  ] as const)
    it(`is refused: ${message.source.slice(0, 60)}`, () => {
      const keys = Object.assign({ database: DATABASE, backup: BACKUP, ...KEYS }, change);
      assert.throws(() => parseConfig("dev", withKeys("dev", keys)), message);
    });
});
