/** The programs of backups, on a real server: what they restore, and what they refuse. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import {
  chmodSync,
  chownSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { blocksBelow, commandsOf } from "../unit/support/documentedCommands.ts";
import { PostgresServer, SERVER_USER } from "./postgresServer.ts";

const SOURCE = fileURLToPath(new URL("../../components/backup", import.meta.url));
const FILES = ["dump", "manifest", "manifest.hmac"];
const ROWS = "SELECT count(*), sum(id) FROM tasks";

describe("the programs of backups", () => {
  const server = new PostgresServer();
  const path = (...names: string[]) => join(server.folder, ...names);

  const variables = () => ({
    ...server.environment(),
    BACKUPS: path("backups"),
    BACKUP_KEY_FILE: path("key"),
    BACKUP_PASSWORD_FILE: path("password"),
    POSTGRES_PASSWORD_FILE: path("password"),
    BACKUP_ROLE: "todo_backup",
    KEEP: "2",
    SCRATCH: path("scratch"),
    TMPDIR: path("tmp"),
  });

  /** Runs a program of a pod. */
  function run(program: string, more: Readonly<Record<string, string>> = {}) {
    const env = { ...variables(), ...more };
    const args = [path("programs", program)];
    const options = { cwd: "/", uid: SERVER_USER, env, encoding: "utf8" } as const;
    const { status, stdout, stderr } = spawnSync("bash", args, options);
    return { status, lines: stdout.trim().split("\n"), stderr };
  }

  /** Makes a backup. Their names have seconds: two in the same second would be one. @returns its name */
  async function backUp(): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { status, lines, stderr } = run("backup.sh");
    assert.equal(status, 0, stderr);
    return (JSON.parse(lines.at(-1)!) as { name: string }).name;
  }

  const kept = () =>
    readdirSync(path("backups"))
      .filter((name) => name !== ".lock")
      .sort();
  const problems = () =>
    run("list.sh").lines.map((line) => (JSON.parse(line) as { problem: string }).problem);
  const databases = () =>
    server.sql("SELECT datname FROM pg_database WHERE datname LIKE 'todo%' ORDER BY 1").split("\n");
  /** Changes a manifest, and authenticates it as the program that wrote it would have done. */
  function rewriteManifest(name: string, pattern: RegExp, replacement: string): void {
    const file = path("backups", name, "manifest");
    const written = readFileSync(file, "utf8");
    const changed = written.replace(pattern, replacement);
    assert.notEqual(changed, written);
    writeFileSync(file, changed);
    const key = readFileSync(path("key"));
    writeFileSync(`${file}.hmac`, `${createHmac("sha256", key).update(changed).digest("hex")}\n`);
  }

  before(async () => {
    await server.start();
    for (const folder of ["backups", "scratch", "tmp"]) {
      mkdirSync(path(folder));
      if (SERVER_USER) chownSync(path(folder), SERVER_USER, -1);
    }
    cpSync(SOURCE, path("programs"), { recursive: true });
    writeFileSync(path("key"), "canary-key");
    writeFileSync(path("password"), "canary-password");
    server.sql(`
      CREATE ROLE todo_app_a LOGIN;
      CREATE ROLE todo_backup LOGIN IN ROLE pg_read_all_data;
      CREATE TABLE alembic_version (version_num text);
      INSERT INTO alembic_version VALUES ('0004');
      CREATE TABLE tasks (id bigserial, title text, at timestamptz, content bytea, "Odd name" jsonb);
      INSERT INTO tasks (title, at, content, "Odd name")
        SELECT 'canary ü ' || i, now(), 'x', '{"a": 1}' FROM generate_series(1, 1000) AS i;
      CREATE TABLE "odd name" (x int);
      REVOKE CREATE ON SCHEMA public FROM PUBLIC;
      GRANT USAGE ON SCHEMA public TO todo_app_a;
      GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA public TO todo_app_a;
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO todo_app_a;`);
  });
  after(() => server.stop());
  beforeEach(() => {
    for (const folder of ["backups", "scratch"])
      for (const name of readdirSync(path(folder))) rmSync(path(folder, name), { recursive: true });
  });

  it("write a backup that shows neither data nor key, and remove those beyond the newest", async () => {
    const names = [await backUp(), await backUp(), await backUp()];
    assert.deepEqual(kept(), names.slice(1));
    assert.deepEqual(readdirSync(path("backups", names[2]!)).sort(), FILES);
    for (const file of FILES)
      assert.ok(!readFileSync(path("backups", names[2]!, file)).includes("canary"), file);
    assert.deepEqual(problems(), ["", ""]);
  });

  it("restore rows, rights and roles while the app reconnects, and keep the database before", async () => {
    const name = await backUp();
    const before = server.sql(ROWS);
    server.sql("DELETE FROM tasks WHERE id > 10");
    const query = "SELECT count(*) FROM tasks";
    const loop = `while true; do psql -qAt -U todo_app_a -d todo -c '${query}'; done`;
    const app = spawn("bash", ["-c", loop], { env: server.environment(), stdio: "ignore" });
    try {
      const { status, stderr } = run("restore.sh", { BACKUP: name });
      assert.equal(status, 0, stderr);
    } finally {
      app.kill();
    }
    assert.equal(server.sql(ROWS), before);
    assert.equal(server.sql(query, "todo_app_a"), "1000");
    assert.throws(() => server.sql("UPDATE tasks SET title = ''", "todo_app_a"), /denied/);
    server.sql("CREATE TABLE later (x int); INSERT INTO tasks (title) VALUES ('next')");
    assert.equal(server.sql("SELECT count(*) FROM later", "todo_app_a"), "0");
    server.sql("DROP TABLE later");
    const [current, old, ...others] = databases();
    assert.deepEqual([current, others], ["todo", []]);
    assert.match(old!, /^todo_before_\d{8}_\d{6}$/);
    assert.equal(server.sql(query, "todo", old), "10");
    server.sql(`DROP DATABASE ${old}`);
  });

  it("restore no other schema, unless told to, and remove what a killed restore left", async () => {
    const name = await backUp();
    server.sql("UPDATE alembic_version SET version_num = '0005'");
    const refused = run("restore.sh", { BACKUP: name });
    assert.equal(refused.status, 1);
    assert.match(
      refused.stderr,
      /^error: the schema of backup \S+ is 0004, and .* in use is 0005$/m,
    );
    server.sql("CREATE DATABASE todo_restored_20260101_000000");
    const { status, stderr } = run("restore.sh", { BACKUP: name, OTHER_SCHEMA: "true" });
    assert.equal(status, 0, stderr);
    assert.equal(server.sql("SELECT version_num FROM alembic_version"), "0004");
    const [, old, ...others] = databases();
    assert.deepEqual(others, []);
    server.sql(`DROP DATABASE ${old}`);
  });

  it("try a backup out on a server of its own, which is gone afterwards", async () => {
    const name = await backUp();
    server.sql("DELETE FROM tasks WHERE id = 1");
    const { status, lines, stderr } = run("drill.sh");
    assert.equal(status, 0, stderr);
    const { seconds, ...result } = JSON.parse(lines.at(-1)!) as Record<string, unknown>;
    assert.deepEqual(result, { backup: name, tables: 3, rows: 1002 });
    assert.ok(typeof seconds === "number");
    assert.deepEqual(globSync(path("scratch/pgdata/postmaster.pid")), []);
    assert.deepEqual(databases(), ["todo"]);
  });

  it("write a dump that the documented commands open, look into, and load into another database", async () => {
    const name = await backUp();
    const commandsBelow = (heading: string) =>
      blocksBelow("docs/backup.md", heading)
        .flatMap(commandsOf)
        .map(({ text }) => text);
    const commands = [...commandsBelow("By hand"), ...commandsBelow("Move the database")]
      .filter((command) => /^(openssl|pg_restore) /.test(command))
      .map((command) =>
        command
          .replace("-in 20260302-021700/dump", `-in ${path("backups", name, "dump")}`)
          .replace("'postgresql://…'", "postgresql:///elsewhere?user=todo"),
      );
    assert.equal(commands.length, 3);
    server.sql("CREATE DATABASE elsewhere");
    cpSync(path("key"), path("tmp/key"));
    const script = ["set -euo pipefail", ...commands].join("\n");
    const options = { cwd: path("tmp"), env: server.environment(), encoding: "utf8" } as const;
    const { status, stdout, stderr } = spawnSync("bash", ["-c", script], options);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /TABLE DATA public tasks /);
    assert.equal(server.sql(ROWS, "todo", "elsewhere"), server.sql(ROWS));
    server.sql("DROP DATABASE elsewhere");
  });

  it("restore nothing where the volume of the database has no room for it", async () => {
    const name = await backUp();
    rewriteManifest(name, /^size\t\d+\n/m, "size\t1000000000000000\n");
    const { status, stderr } = run("restore.sh", { BACKUP: name });
    assert.equal(status, 1, stderr);
    assert.match(
      stderr,
      /^error: the volume of the database has no room for a restore beside .*: that needs 909 TB, and \d+ [GT]B are free$/m,
    );
    assert.deepEqual(databases(), ["todo"]);
  });

  it("try a backup out with a small log: the volume for it is no larger than that of the database", async () => {
    server.sql(`CREATE TABLE large AS SELECT (SELECT string_agg(md5(random()::text || i || j), '')
      FROM generate_series(1, 30) AS j) FROM generate_series(1, 120000) AS i`);
    try {
      await backUp();
      const { status, stderr } = run("drill.sh");
      assert.equal(status, 0, stderr);
      const segments = globSync(path("scratch/pgdata/pg_wal/0*")).length;
      assert.ok(segments > 0 && segments <= 6, `${segments} segments of 16 MB`);
    } finally {
      server.sql("DROP TABLE large");
    }
  });

  for (const [what, damage, problem] of [
    ["one byte of the dump", "dump", "the dump was altered"],
    ["the manifest", "manifest", "the manifest was altered, or made with another key"],
    ["the key", "", "the manifest was altered, or made with another key"],
  ] as const)
    it(`refuse a backup if ${what} was changed, and change nothing`, async () => {
      const name = await backUp();
      const file = damage ? path("backups", name, damage) : path("key");
      const content = readFileSync(file);
      const changed = Buffer.from(content);
      changed[changed.length - 3]! ^= 1;
      chmodSync(file, 0o644);
      writeFileSync(file, changed);
      try {
        assert.deepEqual(problems(), [problem]);
        for (const program of ["restore.sh", "drill.sh"]) {
          const { status, stderr } = run(program, { BACKUP: name });
          assert.deepEqual(
            [status, stderr],
            [1, `error: backup ${name} can't be used: ${problem}\n`],
          );
        }
        assert.deepEqual(databases(), ["todo"]);
      } finally {
        writeFileSync(file, content);
      }
    });

  it("refuse the files of another backup under the name of a newer one, and a backup that lacks one", async () => {
    const old = await backUp();
    const name = await backUp();
    for (const file of FILES)
      writeFileSync(path("backups", name, file), readFileSync(path("backups", old, file)));
    assert.deepEqual(problems(), ["", "the manifest is of another backup or of another format"]);
    writeFileSync(path("backups", name, "manifest.hmac"), "");
    rmSync(path("backups", old, "dump"));
    const { lines, stderr } = run("list.sh");
    assert.deepEqual(
      [JSON.parse(lines[0]!), stderr],
      [{ name: old, bytes: 0, problem: "the file dump is missing", checked: "content" }, ""],
    );
    assert.match(lines[1]!, /"the file manifest\.hmac can't be read or is empty"/);
    const { stderr: refused } = run("drill.sh");
    assert.match(refused, /^error: backup \S+ can't be used: the file manifest\.hmac /m);
  });

  it("take a backup of an earlier release, which does not say how large its dump is", async () => {
    const name = await backUp();
    rewriteManifest(name, /^encrypted-bytes\t.*\n/m, "");
    assert.deepEqual(problems(), [""]);
  });

  it("leave the backups as they are if a new one fails", async () => {
    const name = await backUp();
    mkdirSync(path("backups", ".new-20260101-000000")); // of a backup that was killed
    server.sql("CREATE ROLE stranger LOGIN");
    const { status, stderr } = run("backup.sh", { BACKUP_ROLE: "stranger", KEEP: "1" });
    assert.notEqual(status, 0);
    assert.match(stderr, /permission denied/);
    assert.deepEqual(kept(), [name]);
  });

  it("refuse a name that is no backup's", () => {
    for (const name of ["../data", "20260101-000000"])
      assert.equal(
        run("restore.sh", { BACKUP: name }).stderr,
        `error: backup ${name} can't be used: there is no backup of that name\n`,
      );
    assert.match(run("drill.sh").stderr, /^error: there is no backup yet$/m);
  });
});
