/**
 * What the in-cluster database does on every start, on a server configured like the image's: it asks for the password
 * only over TCP.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Postgres } from "../../components/postgres.ts";
import { find, record } from "../unit/support/record.ts";
import { PostgresServer } from "./postgresServer.ts";

const KEY = { name: "secret-2", keys: ["BACKUP_KEY"] };
const BACKUP = { schedule: "17 2 * * *", keep: 7, storage: "1Gi" };

/** The command that the pod runs after its container has started. */
async function postStart(isBackedUp = false): Promise<readonly string[]> {
  const { resources } = await record(
    () =>
      new Postgres("postgres", {
        mode: "in-cluster",
        namespace: "ns",
        secrets: { name: "secret-1", keys: ["POSTGRES_PASSWORD"] },
        ...(isBackedUp && {
          backup: BACKUP,
          backupSecrets: { backup: KEY, restore: KEY, drill: KEY },
        }),
        image: "docker.io/library/postgres:17",
        storage: "1Gi",
        resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
        maxConnections: 100,
        instances: 3,
        operatorNamespace: "cnpg-system",
        callers: [],
        rolloutTimeoutSeconds: 60,
      }),
  );
  const { template } = find(resources, "StatefulSet")[0]!.inputs.spec;
  return template.spec.containers[0].lifecycle.postStart.exec.command;
}

describe("the start of the in-cluster database", () => {
  const server = new PostgresServer();
  let command: readonly string[];

  before(async () => {
    command = await postStart();
    await server.start();
  });
  after(() => server.stop());

  /** Runs the command as the pod would. */
  function start(content: string | undefined, more: Readonly<Record<string, string>> = {}) {
    const file = join(server.folder, "password");
    rmSync(file, { force: true });
    if (content !== undefined) writeFileSync(file, content);
    const [program, ...args] = command;
    const env = { ...server.environment(), POSTGRES_PASSWORD_FILE: file, ...more };
    return spawnSync(program!, args, { encoding: "utf8", env });
  }

  const isAccepted = (password: string, role = "todo") => {
    const login = ["-h", "127.0.0.1", "-U", role, "-d", "todo", "-c", "SELECT 1"];
    const env = { ...server.environment(), PGPASSWORD: password };
    return spawnSync("psql", login, { env }).status === 0;
  };

  it("sets the owner's password to that of its Secret, whatever it was before", () => {
    const passwords = ["canary-1", "canary-2'; \\ $1"];
    for (const password of passwords) {
      const { status, stderr } = start(`${password}\n`);
      assert.equal(status, 0, stderr);
      assert.deepEqual(
        passwords.map((each) => isAccepted(each)),
        passwords.map((each) => each === password),
      );
    }
  });

  it("fails if the password cannot be set, and keeps the password out of the server's log", () => {
    const readOnly = { PGOPTIONS: "-c default_transaction_read_only=on" };
    const { status, stderr } = start("canary-3", readOnly);
    assert.notEqual(status, 0);
    assert.match(stderr, /read-only transaction/);
    const log = readFileSync(join(server.folder, "log"), "utf8");
    assert.match(log, /read-only transaction/);
    assert.ok(!log.includes("canary"));
  });

  it("fails if the Secret contains no password, and keeps the previous password", () => {
    start("canary-4");
    for (const content of ["", undefined]) assert.notEqual(start(content).status, 0);
    assert.ok(isAccepted("canary-4"));
  });

  it("gives the role of backups its password, and the right to read everything and write nothing", async () => {
    command = await postStart(true);
    const file = join(server.folder, "backup-password");
    for (const password of ["canary-5", "canary-6"]) {
      writeFileSync(file, password);
      const { status, stderr } = start("canary-4", { BACKUP_PASSWORD_FILE: file });
      assert.equal(status, 0, stderr);
      assert.ok(isAccepted(password, "todo_backup"));
    }
    assert.ok(!isAccepted("canary-5", "todo_backup"));
    server.sql("CREATE TABLE IF NOT EXISTS read_by_backups AS SELECT 1 AS x");
    assert.equal(server.sql("SELECT x FROM read_by_backups", "todo_backup"), "1");
    assert.throws(
      () => server.sql("DELETE FROM read_by_backups", "todo_backup"),
      /permission denied/,
    );
    rmSync(file);
    assert.notEqual(start("canary-4", { BACKUP_PASSWORD_FILE: file }).status, 0);
  });
});
