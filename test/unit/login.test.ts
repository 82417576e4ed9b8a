/** How a pipeline gets its access: a kubeconfig without credentials, and short-lived tokens. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { checkedKubeconfig, writeKubeconfig } from "../../ops/lib/login/kubeconfig.ts";
import { loginToPulumi, loginToRegistry } from "../../ops/lib/login/login.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DOCS = readFileSync(join(ROOT, "docs/pipelines.md"), "utf8");

const EXEC = { exec: { apiVersion: "client.authentication.k8s.io/v1", command: "aws" } };
const kubeconfig = (user: object = EXEC, cluster: object = { server: "https://192.0.2.1" }) =>
  stringify({
    contexts: [{ name: "staging", context: { cluster: "staging", user: "deployer" } }],
    clusters: [{ name: "staging", cluster }],
    users: [{ name: "deployer", user }],
  });
const check = (content: string) => checkedKubeconfig(content, "staging", "/project");

describe("the kubeconfig of a pipeline", () => {
  it("is taken as it is, but for the path of a program of the project", () => {
    assert.deepEqual(parse(check(kubeconfig())), parse(kubeconfig()));
    const own = { exec: { ...EXEC.exec, command: "./ops/lib/login/githubToken.ts" } };
    const [{ user }] = parse(check(kubeconfig(own))).users;
    assert.equal(user.exec.command, "/project/ops/lib/login/githubToken.ts");
  });

  it("is refused with a credential that lasts, whose value is not shown", () => {
    for (const field of ["token", "client-key-data", "password", "tokenFile", "auth-provider"])
      assert.throws(
        () => check(kubeconfig({ ...EXEC, [field]: "canary" })),
        ({ message }: Error) =>
          message.endsWith(`has a credential that lasts: ${field}`) && !message.includes("canary"),
      );
    assert.throws(() => check(kubeconfig({})), /"deployer" of PIPELINE_KUBECONFIG has no "exec"/);
  });

  it("is refused where the cluster is not verified, the context is missing, or it is none", () => {
    const blind = { server: "https://192.0.2.1", "insecure-skip-tls-verify": true };
    assert.throws(() => check(kubeconfig(EXEC, blind)), /would not be verified/);
    assert.throws(() => check(kubeconfig(EXEC, { server: "http://a" })), /not be verified/);
    assert.throws(
      () => checkedKubeconfig(kubeconfig(), "production", "/project"),
      /has no context "production", only: staging/,
    );
    assert.throws(() => check("a: b: c"), /is not YAML/);
    assert.throws(() => check("text"), /is no kubeconfig/);
  });

  it("is written for its owner alone, and never over another one", () => {
    const folder = mkdtempSync(join(tmpdir(), "todo-app-login-"));
    const { KUBECONFIG } = process.env;
    try {
      const file = (process.env.KUBECONFIG = join(folder, "new/config"));
      assert.equal(writeKubeconfig("first"), file);
      assert.equal(writeKubeconfig("first"), file);
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.throws(() => writeKubeconfig("second"), /exists, and has other content/);
      process.env.KUBECONFIG = `${file}:${file}`;
      assert.throws(() => writeKubeconfig("first"), /names several files/);
    } finally {
      if (KUBECONFIG === undefined) delete process.env.KUBECONFIG;
      else process.env.KUBECONFIG = KUBECONFIG;
      rmSync(folder, { recursive: true });
    }
  });

  it("is accepted as the documentation has it", () => {
    const blocks = [...DOCS.matchAll(/```yaml\n(apiVersion: v1\nkind: Config\n[^]*?)```/g)];
    assert.ok(blocks.length >= 2);
    for (const [, block] of blocks) assert.ok(checkedKubeconfig(block!, "staging", ROOT));
  });
});

/** A command that is recorded and succeeds. */
function recorder(stdout = "") {
  const commands: { readonly line: string; readonly input?: string | undefined }[] = [];
  const start = (command: readonly [string, ...string[]], input?: string) => {
    commands.push({ line: command.join(" "), input });
    return Promise.resolve({ code: 0, stdout, output: stdout });
  };
  return { commands, start };
}

describe("the logins of a pipeline", () => {
  let server: Server;
  let asked: string[];
  const before = { ...process.env };

  beforeEach(async () => {
    asked = [];
    server = createServer((request, response) => {
      asked.push(`${request.headers.authorization} ${request.url}`);
      response.end(JSON.stringify({ value: "id-token" }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    process.env.ACTIONS_ID_TOKEN_REQUEST_URL = `http://127.0.0.1:${port}/token?v=1`;
    process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN = "request-token";
  });
  afterEach(async () => {
    process.env = { ...before };
    await new Promise((resolve) => server.close(resolve));
  });

  it("give kubectl a token of GitHub that ends by itself", async () => {
    const program = join(ROOT, "ops/lib/login/githubToken.ts");
    const { stdout } = await promisify(execFile)(program, ["todo-app staging"]);
    const { kind, status } = JSON.parse(stdout);
    assert.deepEqual([kind, status.token], ["ExecCredential", "id-token"]);
    const left = Date.parse(status.expirationTimestamp) - Date.now();
    assert.ok(left > 3 * 60_000 && left <= 4 * 60_000, String(left));
    assert.deepEqual(asked, ["Bearer request-token /token?v=1&audience=todo-app%20staging"]);
  });

  it("exchange a token of GitHub for one of Pulumi Cloud, which no command line shows", async () => {
    let shown = "";
    let file = "";
    const said = await loginToPulumi({ PULUMI_ORGANIZATION: "acme" }, (command) => {
      shown = command.join(" ");
      file = /file:\/\/(\S+)/.exec(shown)![1]!;
      assert.equal(readFileSync(file, "utf8"), "id-token");
      return Promise.resolve({ code: 0, stdout: "", output: "" });
    });
    assert.match(shown, /^pulumi login --oidc-token file:\S+ --oidc-org acme --default-org acme$/);
    assert.equal(statSync(file, { throwIfNoEntry: false }), undefined);
    assert.match(asked.join(), /audience=urn%3Apulumi%3Aorg%3Aacme$/);
    assert.match(said, /organization acme, with the token of GitHub Actions/);
  });

  it("prefer a backend of one's own, then an access token, and name both where there is none", async () => {
    const { commands, start } = recorder();
    const env = { PULUMI_BACKEND_URL: "s3://state", PULUMI_ACCESS_TOKEN: "canary" };
    await loginToPulumi(env, start);
    await loginToPulumi({ ...env, PULUMI_BACKEND_URL: "", PULUMI_ORGANIZATION: "acme" }, start);
    assert.deepEqual(
      commands.map(({ line }) => line),
      ["pulumi login s3://state", "pulumi login --default-org acme"],
    );
    await assert.rejects(loginToPulumi({}, start), /nothing says where the state/);
  });

  it("log Docker in with the job's token, and at Amazon with the job's role", async () => {
    const { commands, start } = recorder("of-amazon\n");
    const env = { GITHUB_ACTOR: "ana", GITHUB_TOKEN: "of-the-job" };
    assert.equal(await loginToRegistry("ghcr.io", env, start), "registry: ghcr.io, as ana");
    const amazon = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    assert.equal(await loginToRegistry(amazon, env, start), `registry: ${amazon}, as AWS`);
    assert.equal(await loginToRegistry("ghcr.io", {}, start), "registry: ghcr.io, without a login");
    assert.deepEqual(commands, [
      { line: "docker login ghcr.io --username ana --password-stdin", input: "of-the-job" },
      { line: "aws ecr get-login-password --region eu-west-1", input: undefined },
      { line: `docker login ${amazon} --username AWS --password-stdin`, input: "of-amazon" },
    ]);
  });

  it("give the job's token to no registry but GitHub's", async () => {
    const { commands, start } = recorder("");
    const server = "https://github.acme.com";
    const env = { GITHUB_ACTOR: "ana", GITHUB_TOKEN: "of-the-job", GITHUB_SERVER_URL: server };
    for (const registry of ["docker.io", "europe-docker.pkg.dev", "ghcr.io.evil.com"])
      assert.equal(
        await loginToRegistry(registry, env, start),
        `registry: ${registry}, without a login`,
      );
    assert.deepEqual(commands, []);
    const own = "containers.github.acme.com";
    assert.equal(await loginToRegistry(own, env, start), `registry: ${own}, as ana`);
  });

  it("say what failed, and outside of GitHub Actions that there is no token", async () => {
    const failing = () => Promise.resolve({ code: 1, stdout: "", output: "denied\n" });
    const env = { GITHUB_ACTOR: "ana", GITHUB_TOKEN: "canary" };
    await assert.rejects(loginToRegistry("ghcr.io", env, failing), {
      message: "docker login failed: denied",
    });
    delete process.env.ACTIONS_ID_TOKEN_REQUEST_URL;
    await assert.rejects(
      loginToPulumi({ PULUMI_ORGANIZATION: "acme" }, failing),
      /there is no token of GitHub Actions/,
    );
  });
});
