/** `ops/` on the real engine, with a program that needs neither a cluster nor a plugin. */
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { endOrphans } from "../../ops/lib/engine/orphans.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PREVIEW = join(ROOT, "ops/preview.ts");
const MODULES = Object.fromEntries(
  ["engine", "operation", "result"].map((name) => [name, join(ROOT, `ops/lib/engine/${name}.ts`)]),
);

const PROJECT = `
name: todo-app
runtime: { name: nodejs, options: { typescript: false } }
config:
  count: { type: integer, default: 1 }
`;
/** A program that waits while a file exists, and fails if its configuration tells it to. */
const PROGRAM = `
import { existsSync, writeFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
const config = new pulumi.Config();
new pulumi.ComponentResource("todo-app:index:Part", "part");
writeFileSync("started", "");
while (existsSync("wait")) await new Promise((resolve) => setTimeout(resolve, 50));
if (config.get("wrong")) throw new pulumi.RunError("the configuration has 1 problem:\\n  fix: pulumi config rm wrong");
export const url = "http://" + config.require("host");
`;
/** A command that does what ops/up.ts does, but without a cluster. */
const COMMAND = `
import { main } from "${join(ROOT, "ops/lib/errors.ts")}";
import { openStack } from "${MODULES.engine}";
import { runShown } from "${MODULES.operation}";
import { DeployResult, withoutResult } from "${MODULES.result}";
await main(async () => {
  const stage = { name: process.argv[2], file: process.argv[3] };
  const { stack } = await openStack(stage);
  const result = new DeployResult();
  await runShown(
    stack,
    "up",
    (options) => withoutResult(stack).up({ ...options, configFile: stage.file, showSecrets: false }),
    { onEvent: result.onEvent },
  );
  console.log(JSON.stringify(result.changes));
  console.log(stage.name + " is up: " + result.outputs.url);
});
`;

describe("an operation on the real engine", function () {
  this.timeout(120_000);
  let folder: string;
  const running = new Set<ChildProcess>();
  const at = (name: string) => join(folder, name);
  const touch = (name: string) => writeFileSync(at(name), "");
  const environment = () => ({
    ...process.env,
    PULUMI_BACKEND_URL: `file://${at("backend")}?metadata=skip`,
    PULUMI_CONFIG_PASSPHRASE: "passphrase",
    PULUMI_HOME: at("home"),
    XDG_STATE_HOME: at("state"),
  });
  const stageFile = (settings: Readonly<Record<string, unknown>>) => {
    const config = Object.fromEntries(
      Object.entries({ host: "qa.example.com", ...settings }).map(([key, value]) => [
        `todo-app:${key}`,
        value,
      ]),
    );
    writeFileSync(at("elsewhere/Pulumi.qa.yaml"), JSON.stringify({ config }));
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "operation-"));
    for (const name of ["backend", "elsewhere", "home"]) mkdirSync(at(name));
    symlinkSync(join(ROOT, "node_modules"), at("node_modules"));
    for (const [name, text] of [
      ["package.json", '{ "type": "module", "main": "index.ts" }'],
      ["Pulumi.yaml", PROJECT],
      ["index.ts", PROGRAM],
      ["up.ts", COMMAND],
    ] as const)
      writeFileSync(at(name), text);
    symlinkSync(at("Pulumi.yaml"), at("elsewhere/Pulumi.yaml"));
    stageFile({});
  });
  afterEach(async () => {
    rmSync(at("wait"), { force: true });
    for (const child of running) child.kill("SIGKILL");
    running.clear();
    await endOrphans("qa", folder); // a program whose engine was killed can live on
    rmSync(folder, { recursive: true });
  });

  const start = () => {
    const line = ["up.ts", "qa", at("elsewhere/Pulumi.qa.yaml")];
    const child = spawn(process.execPath, line, { cwd: folder, env: environment() });
    running.add(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const ended = once(child, "close").then(([code]) => {
      running.delete(child);
      return { code: code as number | null, output };
    });
    return { child, ended };
  };
  const up = () => start().ended;
  const untilStarted = async () => {
    while (!existsSync(at("started"))) await sleep(50);
    rmSync(at("started"));
  };
  const enginesOf = (parent: ChildProcess) =>
    readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, "utf8").trim().split(" ");

  it("creates the stack, deploys, returns typed outputs and does not change the selected stack", async () => {
    const { code, output } = await up();
    assert.equal(code, 0, output);
    assert.match(output, /^created stack qa$/m);
    assert.match(output, /Resources:\n {4}\+ 2 created\n/);
    assert.match(output, /^\{"create":2\}$/m);
    assert.match(output, /^qa is up: http:\/\/qa\.example\.com$/m);
    rmSync(at("home/workspaces"), { recursive: true }); // where the engine notes which stack is selected
    const again = (await up()).output;
    assert.match(
      again,
      /Resources:\n +2 unchanged\n\{"same":2\}\nqa is up: http:\/\/qa\.example\.com$/m,
    );
    assert.ok(!existsSync(at("home/workspaces")), "the selected stack is the one that it was");
    assert.ok(!existsSync(at("Pulumi.qa.yaml")), "the stage file is where it was said to be");
  });

  it("prints a preview as JSON, with nothing else on standard output, and without values of properties", () => {
    const preview = () => {
      const line = [PREVIEW, "qa", at("elsewhere/Pulumi.qa.yaml"), "--json"];
      const options = { cwd: folder, env: environment(), encoding: "utf8" } as const;
      return spawnSync(process.execPath, line, options);
    };
    const { status, stdout, stderr } = preview();
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^created stack qa$/m);
    const { stage, summary, changes } = JSON.parse(stdout);
    const counts = { create: 2, update: 0, replace: 0, delete: 0, import: 0, same: 0 };
    assert.deepEqual({ stage, summary }, { stage: "qa", summary: counts });
    const part = changes.find(({ name }: { name: string }) => name === "part");
    assert.deepEqual(part, {
      operation: "create",
      kind: "Part",
      name: "part",
      urn: "urn:pulumi:qa::todo-app::todo-app:index:Part::part",
      properties: [],
    });
    stageFile({ wrong: "yes" });
    const refused = preview();
    assert.deepEqual([refused.status, refused.stdout], [1, ""]);
    assert.match(refused.stderr, /the configuration has 1 problem:[^]*\nerror: /);
  });

  it("shows what the program says is wrong, in full and once", async () => {
    stageFile({ wrong: "yes" });
    const { code, output } = await up();
    assert.equal(code, 1);
    assert.equal(
      output.split("the configuration has 1 problem:\n  fix: pulumi config rm wrong").length,
      2,
      output,
    );
    assert.match(output, /full output: .*\/logs\/up-qa\.log$/m);
  });

  it("shows an error that the engine reports before its first event", async () => {
    stageFile({ count: "many" });
    const { code, output } = await up();
    assert.equal(code, 1);
    assert.match(output, /configuration key 'count' must be of type 'integer'/);
  });

  it("is refused while another one runs, and names the owner of that one", async () => {
    await up();
    rmSync(at("started"));
    touch("wait");
    const first = start();
    await untilStarted();
    const { code, output } = await up();
    assert.equal(code, 1);
    assert.match(
      output,
      /error: another deploy of qa is running \(\S+ on \S+, process \d+, since .*\)\n {2}fix: wait/,
    );
    rmSync(at("wait"));
    assert.equal((await first.ended).code, 0);
  });

  it("ends cleanly when it is interrupted, and leaves no lock", async () => {
    await up();
    rmSync(at("started"));
    touch("wait");
    const first = start();
    await untilStarted();
    first.child.kill("SIGINT");
    const { code, output } = await first.ended;
    assert.equal(code, 1);
    assert.match(output, /ending: .*\n[^]*error: up of qa was ended before it was done\n {2}fix: /);
    rmSync(at("wait"));
    const next = await up();
    assert.equal(next.code, 0, next.output);
    assert.doesNotMatch(next.output, /removing its lock/);
  });

  it("can be run again after only its engine was killed: the next one removes the lock", async () => {
    await up();
    rmSync(at("started"));
    touch("wait");
    const first = start();
    await untilStarted();
    for (const pid of enginesOf(first.child)) process.kill(Number(pid), "SIGKILL");
    assert.equal((await first.ended).code, 1);
    rmSync(at("wait"));
    const { code, output } = await up();
    assert.equal(code, 0, output);
    assert.match(output, /the last deploy of qa \(process \d+\) died; removing its lock/);
  });
});
