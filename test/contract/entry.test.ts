/** What Pulumi starts: with a Node.js that can't run TypeScript it says so, and with another one it is `index.ts`. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Stands in for the project's program. */
const PROGRAM = `import * as pulumi from "@pulumi/pulumi";
export const answer: pulumi.Output<number> = pulumi.output(42);
export const parts = { name: pulumi.secret("confidential") };
export const compiler = process.env.PULUMI_NODEJS_TYPESCRIPT === "true";
`;
/** Every Node.js of this machine, as `version path`. */
const VERSIONS = 'for node in $(type -aP node); do echo "$($node --version) $node"; done';

describe("the entry of the program", function () {
  this.timeout(60_000);
  let folder: string;
  const at = (name: string) => join(folder, name);
  const pulumi = (...args: string[]) => {
    const { stdout, stderr, status } = spawnSync("pulumi", [...args, "--non-interactive"], {
      cwd: at("project"),
      encoding: "utf8",
      env: {
        ...process.env,
        PATH: `${at("bin")}:${process.env.PATH}`,
        PULUMI_BACKEND_URL: `file://${at("backend")}?metadata=skip`,
        PULUMI_CONFIG_PASSPHRASE: "passphrase",
        PULUMI_SKIP_UPDATE_CHECK: "true",
      },
    });
    return { output: `${stdout}${stderr}`, status };
  };
  /** Puts a Node.js in front of all others. */
  const useNode = (script: string) =>
    writeFileSync(at("bin/node"), `#!/bin/sh\nexec ${script} "$@"\n`, { mode: 0o755 });
  const isRefused = (version: string) => {
    const { output, status } = pulumi("preview");
    assert.notEqual(status, 0);
    const sentence = `error: Node.js ${version} can't run this program, which is TypeScript: install Node.js 22.18 or newer, and check it with node --version`;
    assert.ok(output.includes(`${sentence}\n\n`), output);
    assert.doesNotMatch(output, /Unknown file extension|unhandled exception|SyntaxError/);
  };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "entry-"));
    for (const name of ["backend", "bin", "project", "project/config"]) mkdirSync(at(name));
    for (const name of ["package.json", "config/entry.js"])
      copyFileSync(join(ROOT, name), at(`project/${name}`));
    symlinkSync(join(ROOT, "node_modules"), at("project/node_modules"));
    const yaml = "name: todo-app\nruntime: { name: nodejs, options: { typescript: false } }\n";
    writeFileSync(at("project/Pulumi.yaml"), yaml);
    writeFileSync(at("project/index.ts"), PROGRAM);
    const { output, status } = pulumi("stack", "init", "qa");
    assert.equal(status, 0, output);
  });
  afterEach(() => rmSync(at("bin/node"), { force: true }));
  after(() => rmSync(folder, { recursive: true }));

  it("exports what index.ts exports, and runs without the compiler that Pulumi.yaml rules out", () => {
    const { output, status } = pulumi("up", "--yes", "--skip-preview");
    assert.equal(status, 0, output);
    const outputs = pulumi("stack", "output", "--json", "--show-secrets").output;
    const parts = { name: "confidential" };
    assert.deepEqual(JSON.parse(outputs), { answer: 42, parts, compiler: false });
    assert.ok(!pulumi("stack", "output").output.includes("confidential"));
  });

  it("says in one sentence that a Node.js without TypeScript is too old, as is each old one of this machine", () => {
    useNode(`${process.execPath} --no-experimental-strip-types`);
    isRefused(process.versions.node);
    const lines = execFileSync("bash", ["-c", VERSIONS], { encoding: "utf8" }).trim().split("\n");
    const old = lines
      .map((line) => line.split(" "))
      .filter(([version]) => /^v(1\d|20|21)\./.test(version!));
    for (const [version, path] of old) {
      useNode(path!);
      isRefused(version!.slice(1));
    }
  });

  it("names the version that package.json and the documentation name", () => {
    const text = (name: string) => readFileSync(join(ROOT, name), "utf8");
    const { engines } = JSON.parse(text("package.json")) as { engines: { node: string } };
    const version = engines.node.replace(">=", "");
    for (const name of ["config/entry.js", "README.md", "docs/plain-pulumi.md", "Pulumi.yaml"])
      assert.ok(text(name).includes(`${version} or newer`), name);
  });
});
