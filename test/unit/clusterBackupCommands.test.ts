/** What the commands about backups ask of the CloudNativePG operator, and what they say. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recoverInstead } from "../../ops/lib/backups/backup.ts";
import {
  backupsOf,
  describedBackups,
  failedLast,
  makeBackup,
  type Backup,
} from "../../ops/lib/backups/clusterBackups.ts";
import { drill, drillOf } from "../../ops/lib/backups/clusterDrill.ts";
import type { OperatorError } from "../../ops/lib/errors.ts";

const PLACE = {
  stage: "qa",
  context: "qa",
  namespace: "todo-app-qa",
  protected: false,
  cluster: "postgres",
};

const backup = (name: string, status?: Backup["status"], cluster = "postgres"): Backup => ({
  metadata: { name, creationTimestamp: `2026-03-0${name.at(-1)}T02:17:00Z` },
  spec: { cluster: { name: cluster } },
  status,
});
const COMPLETE = { phase: "completed", backupId: "20260301T021700" };
const FAILED = { phase: "failed", error: "bucket refuses" };

const CLUSTER = {
  metadata: { name: "postgres", labels: { a: "b" } },
  spec: {
    instances: 3,
    imageName: "ghcr.io/cloudnative-pg/postgresql:17",
    inheritedMetadata: { labels: { "app.kubernetes.io/name": "postgres" } },
    managed: { roles: [{ name: "todo_app_a" }] },
    storage: { size: "1Gi" },
    resources: { limits: { memory: "512Mi" } },
    bootstrap: { initdb: { database: "todo", owner: "todo", secret: { name: "owner" } } },
    plugins: [
      { name: "another" },
      {
        name: "barman-cloud.cloudnative-pg.io",
        isWALArchiver: true,
        parameters: { barmanObjectName: "postgres" },
      },
    ],
  },
  status: { currentPrimary: "postgres-2" },
};
const READY = {
  status: {
    currentPrimary: "postgres-drill-x-1",
    conditions: [{ type: "Ready", status: "True" }],
  },
};

/** Answers from files, and notes what it was asked and given. */
const KUBECTL = `#!/bin/bash
cd "\${0%/*}" || exit
echo "$*" >>calls
case "$*" in
  *"create --filename"*) cat >created; echo cluster.postgresql.cnpg.io/postgres-drill-x ;;
  *"get backups.postgresql.cnpg.io --output"*) cat backups ;;
  *"get backups"*) cat backup ;;
  *"selector=app.kubernetes.io/name=drill"*) cat drills ;;
  *"get clusters.postgresql.cnpg.io postgres --output"*) cat cluster ;;
  *"get clusters"*) cat drilled ;;
  *"get jobs"*) cat jobs ;;
  *logs*) echo '{"level":"error","ts":"","msg":"restore","error":"no backup in the bucket","stacktrace":"x"}' ;;
  *"postgres-2 --container"*) cat >archive; cat unarchived >&2; [[ ! -s unarchived ]] ;;
  *exec*) cat >/dev/null; cat rows ;;
esac
`;

describe("backups of a CloudNativePG cluster", () => {
  let folder: string;
  const path = process.env.PATH;
  const write = (name: string, content: unknown) =>
    writeFileSync(
      join(folder, name),
      typeof content === "string" ? content : JSON.stringify(content),
    );
  const read = (name: string) => readFileSync(join(folder, name), "utf8");

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cluster-backup-"));
    write("kubectl", KUBECTL);
    chmodSync(join(folder, "kubectl"), 0o755);
    write("drills", "");
    write("jobs", { items: [] });
    write("cluster", CLUSTER);
    write("unarchived", "");
    write("drilled", READY);
    process.env.PATH = `${folder}:${path}`;
  });
  afterEach(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });

  it("are made by an object, and the command waits until it is complete", async () => {
    write("backup", backup("postgres-1", COMPLETE));
    assert.equal((await makeBackup(PLACE)).status?.backupId, COMPLETE.backupId);
    const { metadata, ...rest } = JSON.parse(read("created"));
    assert.match(metadata.name, /^postgres-\d{14}$/);
    assert.deepEqual(rest, {
      apiVersion: "postgresql.cnpg.io/v1",
      kind: "Backup",
      spec: {
        cluster: { name: "postgres" },
        method: "plugin",
        pluginConfiguration: { name: "barman-cloud.cloudnative-pg.io" },
        target: "primary",
      },
    });
    assert.ok(!read("calls").includes("delete"), "it stays in the list");
  });

  it("that fail are an error with the reason that the operator gives", async () => {
    write("backup", backup("postgres-1", FAILED));
    await assert.rejects(makeBackup(PLACE), (error: OperatorError) => {
      assert.match(error.message, /^backup postgres-\d+ has failed: bucket refuses$/);
      assert.match(error.fix, /^remove the cause and run the command again; kubectl --context qa /);
      return true;
    });
  });

  it("are listed newest first, with phase and reason, those of an earlier cluster too", async () => {
    const items = [
      backup("old-1", COMPLETE, "old"),
      backup("postgres-3"),
      backup("postgres-2", FAILED),
    ];
    const list = describedBackups(items, Date.parse("2026-03-03T03:17:00Z"));
    assert.deepEqual(
      list.map(({ name, ageSeconds, phase, ok, problem }) => [
        name,
        ageSeconds,
        phase,
        ok,
        problem,
      ]),
      [
        ["postgres-3", 3600, "pending", false, null],
        ["postgres-2", 90_000, "failed", false, "bucket refuses"],
        ["old-1", 176_400, "completed", true, null],
      ],
    );
    assert.deepEqual([list[2]!.cluster, list[2]!.backupId], ["old", COMPLETE.backupId]);
    write("backups", { items });
    assert.equal((await backupsOf(PLACE)).length, 3);
  });

  it("are a failure where the newest one of the cluster in use has failed", () => {
    const isFailed = (...items: Backup[]) => failedLast(PLACE, describedBackups(items, Date.now()));
    assert.ok(isFailed(backup("postgres-1", COMPLETE), backup("postgres-2", FAILED)));
    assert.ok(!isFailed(backup("postgres-1", FAILED), backup("postgres-2", COMPLETE)));
    assert.ok(!isFailed(backup("postgres-1", COMPLETE), backup("old-2", FAILED, "old")));
    assert.ok(!isFailed());
  });

  it("are tried out in a cluster like the one in use, with one server that archives nothing", () => {
    const { metadata, spec } = drillOf(CLUSTER);
    assert.equal(metadata.generateName, "postgres-drill-");
    assert.deepEqual(spec, {
      imageName: CLUSTER.spec.imageName,
      inheritedMetadata: CLUSTER.spec.inheritedMetadata,
      storage: CLUSTER.spec.storage,
      resources: CLUSTER.spec.resources,
      instances: 1,
      enablePDB: false,
      bootstrap: {
        recovery: { source: "source", database: "todo", owner: "todo", secret: { name: "owner" } },
      },
      externalClusters: [
        {
          name: "source",
          plugin: {
            name: "barman-cloud.cloudnative-pg.io",
            parameters: { barmanObjectName: "postgres", serverName: "postgres" },
          },
        },
      ],
    });
    const { recoveryTarget } = drillOf(CLUSTER, "20260301T021700").spec.bootstrap.recovery as any;
    assert.deepEqual(recoveryTarget, { backupID: "20260301T021700", targetImmediate: true });
  });

  it("are tried out up to now, and the cluster is removed", async () => {
    write("rows", "public.task|3|99\npublic.user|2|7\n");
    const { backup: name, tables, rows } = await drill(PLACE);
    assert.deepEqual([name, tables, rows], [undefined, 2, 5]);
    assert.match(read("archive"), /pg_switch_wal/);
    assert.match(read("calls"), /exec --stdin postgres-2 .*--dbname=postgres[^]*create --filename/);
    assert.match(read("calls"), /exec --stdin postgres-drill-x-1 --container=postgres -- psql/);
    assert.match(
      read("calls").trim(),
      /delete clusters\.postgresql\.cnpg\.io postgres-drill-x [^\n]*$/,
    );
  });

  it("are tried out by name", async () => {
    write("rows", "public.task|3|99\n");
    write("backups", { items: [backup("postgres-1", COMPLETE), backup("postgres-2", FAILED)] });
    write("unarchived", "it is not needed");
    assert.equal((await drill(PLACE, "postgres-1")).backup, "postgres-1");
    const { recovery } = JSON.parse(read("created")).spec.bootstrap;
    assert.equal(recovery.recoveryTarget.backupID, COMPLETE.backupId);
    await assert.rejects(drill(PLACE, "postgres-2"), /its phase is failed/);
    await assert.rejects(drill(PLACE, "postgres-9"), /there is no backup postgres-9/);
  });

  for (const [what, files, message] of [
    [
      "that can't be recovered",
      {
        drilled: {},
        jobs: { items: [{ metadata: { name: "a-full-recovery" }, status: { failed: 3 } }] },
      },
      /Job a-full-recovery has failed 3 times; its log:\n {4}error: restore: no backup in the bucket$/,
    ],
    ["without a table", { rows: "\n" }, /has no tables/],
  ] as const)
    it(`${what} are an error of the drill, which leaves nothing behind`, async () => {
      for (const [name, content] of Object.entries(files)) write(name, content);
      await assert.rejects(drill(PLACE), message);
      assert.match(read("calls").trim(), /delete clusters[^\n]*$/);
    });

  it("are not tried out up to now where the write-ahead log can't be archived", async () => {
    write("unarchived", "000000010000000000000005 is not in the bucket after 60 s");
    await assert.rejects(drill(PLACE), (error: OperatorError) => {
      assert.match(
        error.message,
        /^the write-ahead log of postgres can't be archived: 0+10+5 is not/,
      );
      assert.match(error.fix, /^make doctor STAGE=qa .*BACKUP=<name>/);
      return true;
    });
    write("cluster", { ...CLUSTER, status: {} });
    await assert.rejects(drill(PLACE), /cluster postgres has no primary/);
    assert.ok(!read("calls").includes("create"));
  });

  it("are not tried out twice at once", async () => {
    write("drills", "cluster.postgresql.cnpg.io/postgres-drill-y\n");
    await assert.rejects(drill(PLACE), (error: OperatorError) => {
      assert.match(error.message, /another drill of qa runs, or was killed/);
      assert.match(
        error.fix,
        /--namespace todo-app-qa delete cluster\.postgresql\.cnpg\.io\/postgres-drill-y$/,
      );
      return true;
    });
    assert.ok(!read("calls").includes("create"));
  });

  it("are not restored into the cluster in use: the error says how to recover them", () => {
    const { message, fix } = recoverInstead(PLACE);
    assert.match(message, /recovers a backup into a new cluster only$/);
    assert.match(
      fix,
      /database\.recovery\.clusterName postgres; .*database\.clusterName <new name>/,
    );
  });
});
