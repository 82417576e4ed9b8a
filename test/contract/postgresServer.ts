/** A PostgreSQL server on this machine, configured like that of the image: it asks for a password only over TCP. */
import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, existsSync, globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAMS = globSync("/usr/lib/postgresql/*/bin").sort().at(-1);
/** PostgreSQL refuses to run as root. */
export const SERVER_USER = process.getuid?.() === 0 ? userId("postgres") : undefined;

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

/** A server with the database `todo` and its owner. */
export class PostgresServer {
  /** Folder of the server, in which a test may write files; the server's user owns it. */
  folder = "";
  private port = "";

  async start(): Promise<void> {
    if (!PROGRAMS) throw new Error("PostgreSQL is missing; test/prerequisites.sh installs it");
    this.port = String(await freePort());
    this.folder = mkdtempSync(join(tmpdir(), "todo-pg-"));
    if (SERVER_USER) chownSync(this.folder, SERVER_USER, -1);
    const data = `${this.folder}/data`;
    asServer("initdb", "-D", data, "-U", "todo", "-A", "trust", "--encoding=UTF8", "--no-sync");
    const rules = "local all all trust\nhost all all all scram-sha-256\n";
    writeFileSync(`${data}/pg_hba.conf`, rules);
    const options = `-c listen_addresses=127.0.0.1 -c port=${this.port} -c fsync=off -k ${this.folder}`;
    asServer("pg_ctl", "-D", data, "-o", options, "-l", `${this.folder}/log`, "start");
    asServer("createdb", "-h", this.folder, "-p", this.port, "-U", "todo", "todo");
  }

  stop(): void {
    if (existsSync(`${this.folder}/data/postmaster.pid`))
      asServer("pg_ctl", "-D", `${this.folder}/data`, "-m", "immediate", "stop");
    rmSync(this.folder, { recursive: true });
  }

  /** Variables with which PostgreSQL's programs find the server, and the shell finds them. */
  environment(): Record<string, string> {
    return { PGHOST: this.folder, PGPORT: this.port, PATH: `${PROGRAMS}:${process.env.PATH}` };
  }

  /** Runs SQL. @returns what it prints, one row a line */
  sql(text: string, role = "todo", database = "todo"): string {
    const args = ["-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-U", role, "-d", database];
    const env = this.environment();
    return execFileSync("psql", args, { input: text, env, encoding: "utf8", stdio: "pipe" }).trim();
  }
}
