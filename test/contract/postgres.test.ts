/**
 * What the in-cluster database does on every start, on a server configured like the image's: it asks for the password
 * only over TCP.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Postgres } from "../../components/postgres.ts";
import { find, record } from "../unit/support/record.ts";

const PROGRAMS = globSync("/usr/lib/postgresql/*/bin").sort().at(-1);
/** PostgreSQL refuses to run as root. */
const SERVER_USER = process.getuid?.() === 0 ? userId("postgres") : undefined;

function userId(name: string): number | undefined {
  return Number(spawnSync("id", ["-u", name]).stdout.toString()) || undefined;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Runs a program as the server's user. Its output does not go to a pipe: the server would inherit the pipe and keep it
 * open.
 */
function asServer(program: string, ...args: string[]): void {
  execFileSync(`${PROGRAMS}/${program}`, args, { cwd: "/", stdio: "ignore", uid: SERVER_USER });
}

/** The command that the pod runs after its container has started. */
async function postStart(): Promise<readonly string[]> {
  const { resources } = await record(
    () =>
      new Postgres("postgres", {
        mode: "in-cluster",
        namespace: "ns",
        secrets: { name: "secret-1", keys: ["POSTGRES_PASSWORD"] },
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
  let folder: string;
  let port: string;
  let command: readonly string[];

  before(async () => {
    if (!PROGRAMS) throw new Error("PostgreSQL is missing; test/prerequisites.sh installs it");
    command = await postStart();
    port = String(await freePort());
    folder = mkdtempSync(join(tmpdir(), "todo-pg-"));
    if (SERVER_USER) chownSync(folder, SERVER_USER, -1);
    const data = `${folder}/data`;
    asServer("initdb", "-D", data, "-U", "todo", "-A", "trust", "--no-sync");
    const rules = "local all all trust\nhost all all all scram-sha-256\n";
    writeFileSync(`${data}/pg_hba.conf`, rules);
    const options = `-c listen_addresses=127.0.0.1 -c port=${port} -c fsync=off -k ${folder}`;
    asServer("pg_ctl", "-D", data, "-o", options, "-l", `${folder}/log`, "start");
    asServer("createdb", "-h", folder, "-p", port, "-U", "todo", "todo");
  });

  after(() => {
    if (existsSync(`${folder}/data/postmaster.pid`))
      asServer("pg_ctl", "-D", `${folder}/data`, "-m", "immediate", "stop");
    rmSync(folder, { recursive: true });
  });

  /** Runs the command as the pod would. */
  function start(content: string | undefined, more: Readonly<Record<string, string>> = {}) {
    const file = join(folder, "password");
    rmSync(file, { force: true });
    if (content !== undefined) writeFileSync(file, content);
    const [program, ...args] = command;
    const env = { PGHOST: folder, PGPORT: port, POSTGRES_PASSWORD_FILE: file, ...more };
    const PATH = `${PROGRAMS}:${process.env.PATH}`;
    return spawnSync(program!, args, { encoding: "utf8", env: { PATH, ...env } });
  }

  function isAccepted(password: string): boolean {
    const login = ["-h", "127.0.0.1", "-p", port, "-U", "todo", "-c", "SELECT 1"];
    const env = { ...process.env, PGPASSWORD: password };
    return spawnSync(`${PROGRAMS}/psql`, login, { env }).status === 0;
  }

  it("sets the owner's password to that of its Secret, whatever it was before", () => {
    const passwords = ["canary-1", "canary-2'; \\ $1"];
    for (const password of passwords) {
      const { status, stderr } = start(`${password}\n`);
      assert.equal(status, 0, stderr);
      assert.deepEqual(
        passwords.map(isAccepted),
        passwords.map((each) => each === password),
      );
    }
  });

  it("fails if the password cannot be set, and keeps the password out of the server's log", () => {
    const readOnly = { PGOPTIONS: "-c default_transaction_read_only=on" };
    const { status, stderr } = start("canary-3", readOnly);
    assert.notEqual(status, 0);
    assert.match(stderr, /read-only transaction/);
    const log = readFileSync(`${folder}/log`, "utf8");
    assert.match(log, /read-only transaction/);
    assert.ok(!log.includes("canary"));
  });

  it("fails if the Secret contains no password, and keeps the previous password", () => {
    start("canary-4");
    for (const content of ["", undefined]) assert.notEqual(start(content).status, 0);
    assert.ok(isAccepted("canary-4"));
  });
});
