/** `pulumi new` with this repository as the template. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readYaml } from "../../ops/lib/yaml.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Stands in for npm, whose own work takes half a minute. The engine looks for the folder afterwards. */
const NPM = "#!/bin/sh\necho 10.0.0\nmkdir -p node_modules\n";

describe("pulumi new", function () {
  this.timeout(120_000);
  let folder: string;
  const at = (name: string) => join(folder, name);
  const run = (cwd: string, command: string, ...args: string[]) =>
    spawnSync(command, args, {
      cwd,
      encoding: "utf8",
      env: {
        ...process.env,
        PATH: `${at("bin")}${delimiter}${process.env.PATH}`,
        PULUMI_BACKEND_URL: `file://${at("backend")}?metadata=skip`,
        PULUMI_CONFIG_PASSPHRASE: "passphrase",
        PULUMI_SKIP_UPDATE_CHECK: "true",
      },
    });
  const pulumi = (...args: string[]) => {
    const { stdout, stderr, status } = run(at("project"), "pulumi", ...args, "--non-interactive");
    return { output: `${stdout}${stderr}`, status };
  };
  const succeeds = (...args: string[]) => {
    const { output, status } = pulumi(...args);
    assert.equal(status, 0, output);
    return output;
  };

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "template-"));
    for (const name of ["backend", "bin", "project", "template"]) mkdirSync(at(name));
    writeFileSync(at("bin/npm"), NPM, { mode: 0o755 });
    const { stdout } = run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard");
    for (const file of stdout.split("\n").filter(Boolean)) {
      if (!existsSync(join(ROOT, file))) continue; // removed, and not committed yet
      mkdirSync(dirname(at(`template/${file}`)), { recursive: true });
      copyFileSync(join(ROOT, file), at(`template/${file}`));
    }
    succeeds("new", at("template"), "--yes", "--stack", "dev", "--config", "host=new.example.com");
    rmSync(at("project/node_modules"), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), at("project/node_modules"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("copies every file as it is, keeps the project's name, and leaves the template's section out", () => {
    const { stdout } = run(folder, "diff", "--recursive", "--brief", "template", "project");
    assert.deepEqual(stdout.trim().split("\n").sort(), [
      "Files template/Pulumi.dev.yaml and project/Pulumi.dev.yaml differ",
      "Files template/Pulumi.yaml and project/Pulumi.yaml differ",
      "Only in project: node_modules",
    ]);
    const { name, template, config } = readYaml(at("project/Pulumi.yaml"));
    assert.deepEqual([name, template], ["todo-app", undefined]);
    assert.ok(config?.host && config.kubernetesContext, "the keys are still declared");
  });

  it("writes the answers into the stage file, and keeps its other settings and comments", () => {
    const { config } = readYaml(at("project/Pulumi.dev.yaml"));
    assert.equal(config?.["todo-app:host"], "new.example.com");
    assert.equal(config["todo-app:kubernetesContext"], "minikube");
    assert.deepEqual(config["todo-app:images"], { registry: "localhost:5000" });
    assert.match(readFileSync(at("project/Pulumi.dev.yaml"), "utf8"), /# The IngressClass of/);
  });

  it("makes a project whose program runs: it checks the configuration before anything else", () => {
    succeeds("config", "set", "host", "not a host");
    const { output, status } = pulumi("preview");
    assert.notEqual(status, 0);
    assert.match(output, /todo-app:host is "not a host"/);
    succeeds("config", "set", "host", "new.example.com");
  });

  it("with another name is refused, with what to write instead", () => {
    const file = at("project/Pulumi.yaml");
    const before = readFileSync(file, "utf8");
    writeFileSync(file, before.replace("name: todo-app", "name: my-todo"));
    succeeds("stack", "init", "other");
    const { output, status } = pulumi("preview", "--stack", "other");
    writeFileSync(file, before);
    assert.notEqual(status, 0);
    assert.match(output, /the project is named my-todo, .*\n *fix: write "name: todo-app"/);
  });
});
