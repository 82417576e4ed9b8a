/** What a stage with backups deploys, and what a stage without them must not. */
import assert from "node:assert/strict";
import { parseConfig } from "../../config/load.ts";
import { find, isSecret, record, redact, type Recorded } from "./support/record.ts";
import { withKeys } from "./support/stages.ts";

const WORKLOADS = ["backup", "restore", "drill"];

let runs = 0;
async function deployed(changes: Readonly<Record<string, unknown>>) {
  const program = () => import(`../../index.ts?backup-${runs++}`);
  return (await record(program, "dev", withKeys("dev", changes))).resources;
}

describe("a stage with backups", () => {
  let resources: readonly Recorded[];
  before(async () => {
    const backup = { enabled: true, schedule: "0 3 * * 0", keep: 7, storage: "20Gi" };
    const database = { storage: "9Gi", storageClassName: "fast" };
    resources = await deployed({ backup, database });
  });

  const cronJob = (name: string) =>
    find(resources, "CronJob").find(({ inputs }) => inputs.metadata.name === name)!.inputs;
  const podOf = (name: string) => cronJob(name).spec.jobTemplate.spec.template;
  const containerOf = (name: string) => podOf(name).spec.containers[0];
  const volumeOf = (name: string, volume: string) =>
    podOf(name).spec.volumes.find((each: any) => each.name === volume);

  it("makes them on its schedule, one at a time; a restore and a drill never start by themselves", () => {
    const { schedule, timeZone, suspend, concurrencyPolicy } = cronJob("backup").spec;
    assert.deepEqual([schedule, timeZone, suspend], ["0 3 * * 0", "Etc/UTC", false]);
    assert.equal(concurrencyPolicy, "Forbid");
    for (const name of ["restore", "drill"]) {
      const { spec } = cronJob(name);
      assert.deepEqual([spec.suspend, spec.jobTemplate.spec.backoffLimit], [true, 0], name);
    }
    const env = containerOf("backup").env;
    assert.ok(env.some(({ name, value }: any) => name === "KEEP" && value === "7"));
    assert.ok(
      env.some(({ name, value }: any) => name === "BACKUP_ROLE" && value === "todo_backup"),
    );
  });

  it("runs them in the database's image, restricted and with limits", () => {
    const [server] = find(resources, "StatefulSet");
    const { image } = server!.inputs.spec.template.spec.containers[0];
    for (const name of WORKLOADS) {
      const container = containerOf(name);
      const { spec } = podOf(name);
      assert.equal(container.image, image);
      assert.equal(spec.restartPolicy, "Never");
      assert.equal(spec.automountServiceAccountToken, false);
      assert.equal(spec.securityContext.runAsUser, 999);
      assert.equal(container.securityContext.readOnlyRootFilesystem, true);
      assert.deepEqual(container.securityContext.capabilities, { drop: ["ALL"] });
      assert.ok(container.resources.limits.memory);
      assert.equal(spec.serviceAccountName, name);
    }
  });

  it("gives each the secrets that it needs: no password of the owner to what runs on the schedule", () => {
    const files = (name: string) =>
      containerOf(name)
        .env.map(({ name: variable }: any) => variable)
        .filter((variable: string) => variable.endsWith("_FILE"));
    assert.deepEqual(files("backup"), ["BACKUP_KEY_FILE", "BACKUP_PASSWORD_FILE"]);
    assert.deepEqual(files("restore"), ["BACKUP_KEY_FILE", "POSTGRES_PASSWORD_FILE"]);
    assert.deepEqual(files("drill"), ["BACKUP_KEY_FILE"]);
    for (const name of WORKLOADS) {
      const secret = find(resources, "Secret").find(
        (each) => each.name === `secrets-${name}` && isSecret(each.inputs.stringData),
      );
      assert.ok(secret, name);
    }
    const clear = JSON.stringify(resources.map(({ inputs }) => redact(inputs, "")));
    assert.ok(!clear.includes("generated-"));
  });

  it("keeps them on a volume that is protected like the database's, and that only a backup writes to", () => {
    const claims = find(resources, "PersistentVolumeClaim");
    const backups = claims.find(({ inputs }) => inputs.metadata.name === "backups")!;
    assert.deepEqual([backups.protect, backups.retainOnDelete], [true, true]);
    assert.equal(backups.inputs.spec.resources.requests.storage, "20Gi");
    assert.equal(backups.inputs.spec.storageClassName, "fast");
    for (const name of WORKLOADS) {
      const mount = containerOf(name).volumeMounts.find((each: any) => each.name === "data");
      assert.deepEqual([mount.mountPath, mount.readOnly ?? false], ["/backups", name !== "backup"]);
      assert.equal(volumeOf(name, "data").persistentVolumeClaim.claimName, "backups");
    }
  });

  it("gives a drill a volume of its own, as large as the database's", () => {
    const { spec } = volumeOf("drill", "scratch").ephemeral.volumeClaimTemplate;
    assert.deepEqual(spec, {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "9Gi" } },
      storageClassName: "fast",
    });
    for (const name of ["backup", "restore"]) assert.equal(volumeOf(name, "scratch"), undefined);
  });

  it("mounts the programs that it runs", () => {
    const [programs] = find(resources, "ConfigMap").filter(({ name }) => /^backup-/.test(name));
    for (const name of WORKLOADS) {
      const [shell, file] = containerOf(name).command;
      assert.equal(shell, "bash");
      assert.match(programs!.inputs.data[file.replace("/programs/", "")], /^#!\/bin\/bash\n/);
      assert.equal(volumeOf(name, "programs").configMap.name, "backup-programs-1a2b3c4d");
    }
    for (const [, file] of JSON.stringify(programs!.inputs.data).matchAll(/\$SCRIPTS\/([\w.]+)/g))
      assert.ok(programs!.inputs.data[file!], file);
  });

  it("lets a backup and a restore connect to the database, and nobody else to them", () => {
    const policy = (name: string) =>
      find(resources, "NetworkPolicy").find(({ inputs }) => inputs.metadata.name === name)!.inputs
        .spec;
    const peers = (rules: any[], key: "from" | "to") =>
      rules.flatMap((rule) =>
        rule[key].flatMap(
          ({ podSelector }: any) => podSelector?.matchLabels["app.kubernetes.io/name"] ?? [],
        ),
      );
    for (const name of ["backup", "restore"]) {
      assert.deepEqual(peers(policy(name).egress, "to"), ["postgres"]);
      assert.ok(peers(policy("postgres").ingress, "from").includes(name));
    }
    assert.ok(!peers(policy("postgres").ingress, "from").includes("drill"));
    assert.deepEqual(policy("drill").egress, []);
    for (const name of WORKLOADS) assert.deepEqual(policy(name).ingress, []);
  });

  it("makes the role that reads, with a password of its own", () => {
    const [server] = find(resources, "StatefulSet");
    const [container] = server!.inputs.spec.template.spec.containers;
    const [, , script] = container.lifecycle.postStart.exec.command;
    assert.match(script, /GRANT pg_read_all_data TO todo_backup;/);
    assert.ok(container.env.some(({ name }: any) => name === "BACKUP_PASSWORD_FILE"));
  });
});

describe("backups of a stage", () => {
  it("are off by default, and then nothing of them is deployed", async () => {
    const resources = await deployed({});
    assert.deepEqual(find(resources, "CronJob"), []);
    assert.ok(!JSON.stringify(resources).toLowerCase().includes("backup"));
  });

  it("need room in the quota, and connections", () => {
    const with50 = { backend: { replicas: 50 }, frontend: { replicas: 50 } };
    const configured = (enabled: boolean, quota: object, database: object) =>
      parseConfig("dev", withKeys("dev", { ...with50, backup: { enabled }, quota, database }));
    const error = (enabled: boolean) => {
      try {
        configured(enabled, { pods: 1 }, { maxConnections: 100 });
      } catch (problem) {
        const { message } = problem as Error;
        return [
          /pods is 1; allowed: at least (\d+)/,
          /maxConnections is 100; allowed: at least (\d+)/,
        ].map((pattern) => Number(pattern.exec(message)![1]));
      }
      assert.fail("it was accepted");
    };
    const [pods, connections] = error(false);
    assert.deepEqual(error(true), [pods! + 1, connections! + 2]);
  });

  it("are refused for an external database, which others back up", () => {
    const keys = { database: { mode: "external" }, backup: { enabled: true } };
    const databaseUrl = "postgresql://a:b@c/d?sslmode=verify-full";
    assert.throws(
      () => parseConfig("dev", withKeys("dev", { ...keys, databaseUrl })),
      /backup\.enabled is true; allowed: false, because database\.mode is external:/,
    );
  });

  it("take a schedule of cron in numbers, and nothing else", () => {
    const parse = (schedule: string) =>
      parseConfig("dev", withKeys("dev", { backup: { enabled: true, schedule } })).database.backup!
        .schedule;
    for (const right of ["* * * * *", "*/5 0-6/2 1,15 12 0-6", "59 23 31 12 6"])
      assert.equal(parse(right), right);
    assert.throws(() => parse("60 * * * *"), /backup\.schedule is .*allowed: five fields of cron/);
  });
});
