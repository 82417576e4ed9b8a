/** The app without a cluster, by the commands of docs/app.md: on this machine, with a PostgreSQL server of its own. */
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { blocksBelow } from "../unit/support/documentedCommands.ts";
import { PostgresServer } from "../contract/postgresServer.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = "http://localhost:3000";
/** The first request for a page compiles it. One that is lost in that is sent again. */
const PATIENCE_MS = 30_000;
const PASSWORD = "of-this-machine";

describe("the app without a cluster", function () {
  // npm installs the packages of the frontend.
  this.timeout(600_000);
  const server = new PostgresServer();
  let folder: string;
  let app: ChildProcess | undefined;
  let printed = "";

  const run = (script: string) =>
    execFileSync("bash", ["-euo", "pipefail", "-c", script], { cwd: folder, stdio: "pipe" });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "todo-app-local-"));
    await server.start();
    server.sql(`ALTER ROLE todo PASSWORD '${PASSWORD}'`);
    const sources = `git -C '${ROOT}' ls-files -z --cached --others --exclude-standard app`;
    run(`${sources} | tar --create --directory '${ROOT}' --null --files-from - | tar --extract`);
    const build = "app/backend/requirements-build.lock"; // it has uv
    run(`python3 -m venv uv && uv/bin/pip install --quiet --require-hashes --requirement ${build}`);
  });
  after(async () => {
    if (app?.pid && app.exitCode === null) {
      const ended = new Promise((resolve) => app!.once("close", resolve));
      process.kill(-app.pid, "SIGKILL");
      await ended;
    }
    server.stop();
    rmSync(folder, { recursive: true });
  });

  /** Names the database and a secret, as the page asks for. */
  function fillIn(): void {
    const file = join(folder, "app/.env");
    const port = server.environment().PGPORT!;
    const settings = readFileSync(file, "utf8")
      .replace(
        /^DATABASE_URL=.*/m,
        `DATABASE_URL=postgresql://todo:${PASSWORD}@127.0.0.1:${port}/todo`,
      )
      .replace(/^BETTER_AUTH_SECRET=.*/m, `BETTER_AUTH_SECRET=${"s".repeat(32)}`);
    writeFileSync(file, settings);
  }

  /** Starts both services, in a group of processes of their own. */
  function start(commands: string): ChildProcess {
    const env = { ...process.env, PATH: `${join(folder, "uv/bin")}:${process.env.PATH}` };
    const child = spawn("bash", ["-euo", "pipefail", "-c", commands], {
      cwd: folder,
      detached: true,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (printed += chunk.toString()));
    return child;
  }

  async function signUp(): Promise<Response> {
    const body = JSON.stringify({
      name: "Ana",
      email: "ana@example.com",
      password: "a-long-password",
    });
    const headers = { "Content-Type": "application/json", Origin: PAGE };
    return fetch(`${PAGE}/api/auth/sign-up/email`, { method: "POST", headers, body });
  }

  it("serves its pages and its API, and users can sign up", async () => {
    const [block] = blocksBelow("docs/app.md", "Run it without a cluster");
    const [copy, ...services] = block!.text.trim().split("\n");
    run(copy!);
    fillIn();
    app = start(services.join("\n"));
    const serves = async () => {
      const answers = await Promise.all([
        fetch("http://localhost:8000/health/ready", { signal: AbortSignal.timeout(PATIENCE_MS) }),
        fetch(`${PAGE}/sign-in`, { signal: AbortSignal.timeout(PATIENCE_MS) }),
      ]);
      return answers.every(({ ok }) => ok);
    };
    while (!(await serves().catch(() => false))) {
      assert.equal(app.exitCode, null, printed);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    const answer = await signUp();
    assert.equal(answer.status, 200, printed);
    assert.equal(server.sql("SELECT count(*) FROM auth_user"), "1");
  });
});
