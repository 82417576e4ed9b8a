/** Where the state of a stack is, what encrypts its secrets, and how both change: with the real engine, between folders. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readYaml } from "../../ops/lib/yaml.ts";
import { blocksBelow } from "../unit/support/documentedCommands.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Neither a cluster nor a plugin is needed. */
const PROGRAM = `
import * as pulumi from "@pulumi/pulumi";
const config = new pulumi.Config();
new pulumi.ComponentResource("todo-app:index:Part", "part");
export const url = "http://" + config.require("host");
export const key = config.getSecret("openaiApiKey");
`;
const SETTINGS = {
  "todo-app:host": "staging.example.com",
  "todo-app:kubernetesContext": "staging",
  "todo-app:images": { registry: "ghcr.io" },
};
const SECRET = "confidential-key";
const SECRET_KEY = "todo-app:openaiApiKey";

/** What the engine asks of a Vault: it "encrypts" the key with which the engine encrypts the secrets. */
async function startVault(): Promise<Server> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { plaintext, ciphertext } = JSON.parse(body) as Record<string, string>;
      const data = request.url?.includes("/encrypt/")
        ? { ciphertext: `vault:v1:${Buffer.from(plaintext!).toString("base64")}` }
        : { plaintext: Buffer.from(ciphertext!.slice(9), "base64").toString() };
      response.setHeader("content-type", "application/json").end(JSON.stringify({ data }));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** The first block of commands that the page has below a heading. */
const documented = (heading: string): string => blocksBelow("docs/state.md", heading)[0]!.text;

describe("the state of a stack", function () {
  this.timeout(120_000);
  let vault: Server;
  let folder: string;
  const at = (name: string) => join(folder, name);
  const backend = (name: string) => `file://${at(name)}?metadata=skip`;
  const stageFile = () => readYaml(at("Pulumi.staging.yaml"));

  before(async () => (vault = await startVault()));
  after(() => vault.close());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "state-"));
    for (const name of ["new", "old", "home", "state/todo-app/stacks"])
      mkdirSync(at(name), { recursive: true });
    for (const name of ["node_modules", "config", "ops", "policy"])
      symlinkSync(join(ROOT, name), at(name));
    copyFileSync(join(ROOT, "Pulumi.yaml"), at("Pulumi.yaml"));
    writeFileSync(at("package.json"), '{ "type": "module", "main": "index.ts" }');
    writeFileSync(at("index.ts"), PROGRAM);
    configure({});
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const configure = (more: object) =>
    writeFileSync(at("Pulumi.staging.yaml"), JSON.stringify({ config: SETTINGS, ...more }));

  type Environment = Readonly<Record<string, string | undefined>>;
  const environment = (more: Environment) => ({
    ...process.env,
    PULUMI_BACKEND_URL: backend("old"),
    PULUMI_CONFIG_PASSPHRASE: "passphrase",
    PULUMI_CONFIG_PASSPHRASE_FILE: undefined,
    PULUMI_HOME: at("home"),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    VAULT_SERVER_URL: `http://127.0.0.1:${(vault.address() as AddressInfo).port}`,
    VAULT_SERVER_TOKEN: "token",
    XDG_STATE_HOME: at("state"),
    ...more,
  });
  /** Runs a shell. The engine asks the Vault of this process, so this process must not wait for it. */
  async function run(commands: string, more: Environment = {}) {
    const child = spawn("bash", ["-euc", commands], { cwd: folder, env: environment(more) });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stdin.end();
    const [code] = (await once(child, "close")) as [number];
    return { code, output };
  }
  async function succeeds(commands: string, more?: Environment): Promise<string> {
    const { code, output } = await run(commands, more);
    assert.equal(code, 0, output);
    return output;
  }
  const PREVIEW = "node ops/preview.ts staging Pulumi.staging.yaml";
  const DEPLOY = `
    pulumi stack init staging
    printf %s ${SECRET} | pulumi config set --stack staging --secret ${SECRET_KEY}
    pulumi up --stack staging --yes --skip-preview`;
  const canBeRead = async (more: Environment) => {
    const values = await succeeds("pulumi stack output --stack staging --show-secrets", more);
    assert.match(values, new RegExp(`key +${SECRET}`));
  };

  /** The documented commands, with folders in the place of a bucket, and this Vault in the place of a key of Amazon. */
  const move = () =>
    documented("Move a stack")
      .replace(/^eval .*/m, "")
      .replace(/'s3:[^']*'/, `'${backend("new")}'`)
      .replace(/'awskms:[^']*'/, "'hashivault://todo'")
      .replace(/^make preview STAGE=staging.*/m, PREVIEW);

  it("is moved by the documented commands, with its secrets, to another backend and another secrets provider", async () => {
    await succeeds(DEPLOY);
    assert.match(move(), /stack migrate[^]*hashivault[^]*preview[^]*stack rm/);
    const output = await succeeds(move());
    assert.match(output, /Resources:\n +2 unchanged/);
    const { secretsprovider, encryptionsalt, config } = stageFile();
    assert.deepEqual([secretsprovider, encryptionsalt], ["hashivault://todo", undefined]);
    assert.equal(config?.["todo-app:host"], SETTINGS["todo-app:host"]);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.includes(".bak")),
      [],
    );
    await canBeRead({ PULUMI_BACKEND_URL: backend("new"), PULUMI_CONFIG_PASSPHRASE: undefined });
    const left = await run("pulumi stack ls");
    assert.doesNotMatch(left.output, /staging/, "in the old backend");
  });

  it("gets another secrets provider by the documented command", async () => {
    await succeeds(DEPLOY);
    const change = documented("Secrets").replace(/'awskms:[^']*'/, "'hashivault://todo'");
    assert.match(change, /change-secrets-provider --stack staging 'hashivault/);
    await succeeds(change);
    await canBeRead({ PULUMI_CONFIG_PASSPHRASE: undefined });
  });

  it("is created with the secrets provider that the stage file names, and needs no passphrase", async () => {
    const none = { PULUMI_CONFIG_PASSPHRASE: undefined };
    configure({ secretsprovider: "hashivault://todo" });
    assert.match(await succeeds(PREVIEW, none), /^created stack staging$/m);
    const { secretsprovider, encryptedkey, encryptionsalt } = stageFile();
    assert.deepEqual([secretsprovider, encryptionsalt], ["hashivault://todo", undefined]);
    await succeeds(DEPLOY.split("\n")[2]!, none);
    // Another backend: the key in the file stays, because the secrets in the file are encrypted with it.
    const other = { ...none, PULUMI_BACKEND_URL: backend("new") };
    assert.match(await succeeds(PREVIEW, other), /created stack staging/);
    assert.equal(stageFile().encryptedkey, encryptedkey);
    const read = `pulumi config get --stack staging ${SECRET_KEY}`;
    assert.match(await succeeds(read, other), /^confidential-key$/m);
  });

  it("that needs a passphrase says so, before anything is created and later", async () => {
    const none = { PULUMI_CONFIG_PASSPHRASE: undefined };
    const asks = async () => {
      const { code, output } = await run(PREVIEW, none);
      assert.equal(code, 1);
      assert.match(
        output,
        /error: the secrets of staging are encrypted with a passphrase, and none is set\n {2}fix: point PULUMI_CONFIG_PASSPHRASE_FILE at .*docs\/state\.md/,
      );
    };
    await asks();
    assert.doesNotMatch(await succeeds("pulumi stack ls"), /staging/);
    await succeeds(DEPLOY);
    await asks();
  });

  it("on this machine is not forgotten after a login: the stack is not created a second time", async () => {
    const own = { PULUMI_BACKEND_URL: backend("state/todo-app/stacks") };
    await succeeds(DEPLOY, own);
    const { code, output } = await run(PREVIEW);
    assert.equal(code, 1);
    assert.match(
      output,
      /error: the state of staging is in \S+\/todo-app\/stacks, and the backend in use now does not have it: .*\n {2}fix: move it: docs\/state\.md/,
    );
    assert.doesNotMatch(await succeeds("pulumi stack ls"), /staging/);
    await canBeRead(own);
    await succeeds("pulumi destroy --stack staging --yes --skip-preview", own);
    assert.match(await succeeds(PREVIEW), /created stack staging/, "nothing is left there");
  });

  it("may be named with its organisation and project", async () => {
    await succeeds(DEPLOY);
    const full = await succeeds(PREVIEW.replace("staging", "organization/todo-app/staging"));
    assert.match(full, /Resources:\n +2 unchanged/);
    assert.doesNotMatch(full, /created stack/);
  });
});
