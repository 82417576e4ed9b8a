/** The programs that copy backups to a bucket and from it, with a real S3 server, and the tools that the image of rclone has. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PostgresServer, SERVER_USER } from "./postgresServer.ts";
import { S3Server } from "./s3Server.ts";

const SOURCE = fileURLToPath(new URL("../../components/backup", import.meta.url));
const FILES = ["dump", "manifest", "manifest.hmac"];

describe("the programs of backups in a bucket", () => {
  const server = new PostgresServer();
  const s3 = new S3Server();
  const path = (...names: string[]) => join(server.folder, ...names);
  /** The volume of a pod. */
  let volume = "";
  /** When the next backup has another name. */
  let next = 0;

  const variables = () => ({
    BACKUPS: volume,
    TMPDIR: path("tmp"),
    BACKUP_KEY_FILE: path("key"),
    BACKUP_PASSWORD_FILE: path("key"),
    BACKUP_ROLE: "todo",
    SCRATCH: path("scratch"),
    IN_BUCKET: "true",
    KEEP: "2",
    TRIES: "1",
    S3_ENDPOINT: s3.endpoint,
    S3_REGION: s3.region,
    S3_BUCKET: s3.bucket,
    S3_PREFIX: "todo-app-dev",
    S3_ACCESS_KEY_ID_FILE: path("key-id"),
    S3_SECRET_ACCESS_KEY_FILE: path("secret-key"),
  });

  /** Runs a program of a container, in the database's image with bash, in that of rclone with BusyBox alone. */
  function run(program: string, more: Readonly<Record<string, string>> = {}) {
    const isTransfer = /^(up|down)load/.test(program);
    const tools = isTransfer ? { PATH: path("busybox") } : server.environment();
    const env = { ...variables(), ...tools, ...more };
    const shell = isTransfer ? path("busybox/sh") : "bash";
    const args = [path("programs", program)];
    const options = { cwd: "/", uid: SERVER_USER, env, encoding: "utf8" } as const;
    const { status, stdout, stderr } = spawnSync(shell, args, options);
    return { status, lines: stdout.split("\n").filter(Boolean), stderr };
  }

  const resultOf = ({ status, lines, stderr }: ReturnType<typeof run>) => {
    assert.equal(status, 0, stderr);
    return JSON.parse(lines.at(-1)!) as Record<string, unknown>;
  };
  const errorOf = ({ status, stderr }: ReturnType<typeof run>) => {
    assert.equal(status, 1, stderr);
    return stderr.split("\n").find((line) => line.startsWith("error: ")) ?? stderr;
  };

  /** Each pod starts with an empty volume. */
  function newVolume() {
    volume = mkdtempSync(path("volume-"));
    if (SERVER_USER) chownSync(volume, SERVER_USER, -1);
  }
  /** Makes a backup that is not in the bucket yet. Their names have seconds: two in the same second would be one. */
  async function dump(): Promise<string> {
    newVolume();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - Date.now())));
    next = Date.now() + 1000;
    return resultOf(run("backup.sh")).name as string;
  }
  async function backUp(more?: Readonly<Record<string, string>>): Promise<string> {
    const name = await dump();
    assert.equal(resultOf(run("upload.sh", more)).name, name);
    return name;
  }
  function list() {
    newVolume();
    const { status, stderr } = run("download.sh", { LIST: "true" });
    assert.equal(status, 0, stderr);
    return run("list.sh").lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
  function drill(backup = "") {
    newVolume();
    rmSync(path("scratch"), { recursive: true, force: true });
    mkdirSync(path("scratch"));
    if (SERVER_USER) chownSync(path("scratch"), SERVER_USER, -1);
    const downloaded = run("download.sh", { BACKUP: backup });
    return downloaded.status ? downloaded : run("drill.sh", { BACKUP: backup });
  }
  const filesOf = (...names: string[]) =>
    names.flatMap((name) => FILES.map((file) => `todo-app-dev/${name}/${file}`));

  before(async () => {
    await server.start();
    await s3.start("127.0.0.1");
    mkdirSync(path("tmp"));
    if (SERVER_USER) chownSync(path("tmp"), SERVER_USER, -1);
    cpSync(SOURCE, path("programs"), { recursive: true });
    mkdirSync(path("busybox"));
    execFileSync("busybox", ["--install", "-s", path("busybox")]);
    const rclone = execFileSync("bash", ["-c", "type -P rclone"], { encoding: "utf8" }).trim();
    symlinkSync(rclone, path("busybox/rclone"));
    writeFileSync(path("key"), "canary-key");
    writeFileSync(path("key-id"), s3.keyId);
    writeFileSync(path("secret-key"), s3.key);
    server.sql(`
      CREATE TABLE alembic_version (version_num text);
      INSERT INTO alembic_version VALUES ('0004');
      CREATE TABLE tasks (id bigserial, title text);
      INSERT INTO tasks (title) SELECT 'canary ' || i FROM generate_series(1, 1000) AS i;`);
  });
  after(async () => {
    await s3.remove();
    server.stop();
  });
  beforeEach(() => {
    if (s3.files().length) s3.rclone(["delete", `bucket:${s3.bucket}`]);
  });

  it("upload a backup, list it, download it, and try it out", async () => {
    const name = await backUp();
    const bytes = readFileSync(join(volume, name, "dump")).length;
    assert.deepEqual(s3.files(), filesOf(name));
    assert.deepEqual(list(), [{ name, bytes, problem: "", checked: "size" }]);
    for (const wanted of ["", name]) {
      const { seconds, ...result } = resultOf(drill(wanted));
      assert.deepEqual(result, { backup: name, tables: 2, rows: 1001 });
      assert.ok(typeof seconds === "number");
    }
  });

  it("say how large a backup is, and how long all of it took", async () => {
    const name = await dump();
    const bytes = readFileSync(join(volume, name, "dump")).length;
    const { seconds, ...result } = resultOf(run("upload.sh"));
    assert.deepEqual(result, { name, bytes });
    assert.ok((seconds as number) >= 0 && (seconds as number) < 60, String(seconds));
  });

  it("keep the newest, and touch nothing else in the bucket", async () => {
    const others = ["other/20200101-000000/dump", "todo-app-dev/notes.txt"];
    for (const file of others) s3.rclone(["rcat", `bucket:${s3.bucket}/${file}`], "kept");
    const names = [await backUp(), await backUp(), await backUp()];
    assert.deepEqual(s3.files(), [...others, ...filesOf(...names.slice(1))].sort());
    assert.deepEqual(
      list().map(({ name, problem }) => [name, problem]),
      names.slice(1).map((name) => [name, ""]),
    );
  });

  it("count a backup only once its upload is complete, and remove what was interrupted long ago", async () => {
    const name = await backUp();
    const newest = await dump();
    const remains = [`todo-app-dev/${newest}/dump`, "todo-app-dev/20200101-000000/dump"];
    for (const file of remains) s3.rclone(["rcat", `bucket:${s3.bucket}/${file}`], "half a dump");
    assert.deepEqual(
      list().map((each) => each.name),
      [name],
    );
    assert.equal(resultOf(drill()).backup, name);
    assert.equal(
      errorOf(drill(newest)),
      `error: backup ${newest} can't be used: its upload was interrupted`,
    );
    const third = await backUp();
    assert.deepEqual(s3.files(), [...filesOf(name, third), remains[0]!].sort());
  });

  for (const [file, problem] of [
    ["dump", "the dump was altered"],
    ["manifest", "the manifest was altered, or made with another key"],
    ["manifest.hmac", "the manifest was altered, or made with another key"],
  ] as const)
    it(`refuse a backup of which a byte of the ${file} was changed in the bucket`, async () => {
      const name = await backUp();
      s3.damage(`todo-app-dev/${name}/${file}`);
      assert.equal(errorOf(drill()), `error: backup ${name} can't be used: ${problem}`);
      // The list knows no more of a dump than its size.
      assert.deepEqual(
        list().map((each) => each.problem),
        [file === "dump" ? "" : problem],
      );
    });

  it("list a backup whose dump has another size, or is gone", async () => {
    const [name, other] = [await backUp(), await backUp()];
    s3.rclone(["rcat", `bucket:${s3.bucket}/todo-app-dev/${name}/dump`], "short");
    s3.rclone(["deletefile", `bucket:${s3.bucket}/todo-app-dev/${other}/dump`]);
    assert.deepEqual(
      list().map(({ bytes, problem }) => [bytes, problem]),
      [
        [5, "the dump was altered"],
        [0, "the file dump is missing"],
      ],
    );
    assert.equal(
      errorOf(drill(other)),
      `error: backup ${other} can't be used: the file dump is missing`,
    );
  });

  it("have nothing to list and nothing to restore in an empty bucket", () => {
    assert.deepEqual(list(), []);
    assert.equal(errorOf(drill()), "error: there is no backup yet");
    for (const name of ["20260101-000000", "../other", ".*"])
      assert.equal(
        errorOf(drill(name)),
        `error: backup ${name} can't be used: there is no backup of that name`,
      );
  });

  it("refuse a wrong key at once, and show none of it", async () => {
    await dump();
    for (const key of ["S3_SECRET_ACCESS_KEY_FILE", "S3_ACCESS_KEY_ID_FILE"]) {
      const refused = run("upload.sh", { TRIES: "100", [key]: path("key") });
      assert.match(
        errorOf(refused),
        new RegExp(
          `^error: ${s3.endpoint} refuses the key for the bucket backups: .*SignatureDoesNotMatch: `,
        ),
      );
      assert.doesNotMatch(refused.stderr, /canary/);
    }
  });

  it("name a bucket that does not exist, and do not create it", async () => {
    await dump();
    for (const program of ["upload.sh", "download.sh"])
      assert.equal(
        errorOf(run(program, { TRIES: "100", S3_BUCKET: "misspelt" })),
        `error: there is no bucket misspelt at ${s3.endpoint}`,
      );
    assert.equal(s3.rclone(["lsf", "bucket:"]).toString(), "backups/\n");
  });

  it("name an endpoint that does not answer, and wait for one that soon does", async () => {
    const name = await dump();
    await s3.end();
    assert.match(
      errorOf(run("upload.sh")),
      new RegExp(`^error: ${s3.endpoint} does not answer: .*connection refused$`),
    );
    const uploading = new Promise<ReturnType<typeof run>>((resolve) =>
      setTimeout(() => resolve(run("upload.sh", { TRIES: "10" })), 10),
    );
    // The program blocks this process, but not the one of the server, which has been started before.
    await Promise.all([s3.start("127.0.0.1"), uploading]);
    assert.equal(resultOf(await uploading).name, name);
  });

  it("leave the backups as they are if the new one can't be uploaded", async () => {
    const names = [await backUp(), await backUp()];
    const name = await dump();
    chmodSync(join(volume, name, "manifest"), 0);
    const { stderr } = run("upload.sh", SERVER_USER ? {} : { S3_BUCKET: "misspelt" });
    assert.match(stderr, /^error: backup \S+ could not be uploaded to http:/m);
    assert.deepEqual(
      list().map((each) => each.name),
      names,
    );
  });

  it("show neither data nor keys in the bucket", async () => {
    const name = await backUp();
    for (const file of filesOf(name)) {
      const content = s3.rclone(["cat", `bucket:${s3.bucket}/${file}`]);
      assert.ok(content.length && !content.includes("canary"), file);
    }
    assert.deepEqual(
      readdirSync(path("tmp")).filter((file) =>
        readFileSync(path("tmp", file)).includes("canary-of-the-bucket"),
      ),
      [],
    );
  });
});
