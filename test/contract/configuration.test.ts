/** The engine and `ops/` read the same values from a stage file, with its anchors, merges, secrets and defaults. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { effectiveConfig, settingsOf, stageValues } from "../../ops/lib/stage.ts";
import { enterOwnProject, type OwnProject } from "./ownProject.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CONFIG_DIFF = join(ROOT, "ops/config-diff.ts");
const CONFIDENTIAL = "https://confidential.example.com/v1";

const STAGE_FILE = `
config:
  # With an anchor, in quotes and with a comment, as people write it.
  todo-app:kubernetesContext: &name "arn:aws:eks:eu-central-1:1:cluster/qa" # ours
  todo-app:host: qa.example.com
  todo-app:images: { registry: ghcr.io }
  todo-app:backend: &size
    replicas: 3
  todo-app:frontend:
    <<: *size
    replicas: 4
  todo-app:protectResources: "true"
`;

describe("the configuration of a stage", function () {
  this.timeout(60_000);
  let project: OwnProject;
  let stage: { name: string; file: string };
  const pulumi = (input: string, ...args: string[]) => execFileSync("pulumi", args, { input });
  const set = (value: string, ...args: string[]) =>
    pulumi(value, "config", "set", "--stack", "qa", "--config-file", stage.file, ...args);

  before(() => {
    project = enterOwnProject("configuration");
    mkdirSync(join(project.folder, "elsewhere"));
    pulumi("", "stack", "init", "qa");
    stage = { name: "qa", file: join(project.folder, "elsewhere/qa.yaml") };
    writeFileSync(stage.file, STAGE_FILE);
    set("openai", "--path", "todo-app:llm.provider");
    set(CONFIDENTIAL, "--path", "--secret", "todo-app:llm.baseUrl");
    set("confidential-key", "--secret", "todo-app:openaiApiKey");
  });
  after(() => project.leave());

  it("is read with anchors, merges and a secret inside an object resolved", async () => {
    const config = effectiveConfig("qa", await stageValues(stage));
    assert.equal(config?.kubernetesContext, "arn:aws:eks:eu-central-1:1:cluster/qa");
    assert.deepEqual([config.backend.replicas, config.frontend.replicas], [3, 4]);
    assert.equal(config.llm.baseUrl, CONFIDENTIAL);
    assert.equal(config.rolloutTimeoutSeconds, 300, "a default");
  });

  it("says where the stage is deployed", async () => {
    assert.deepEqual(await settingsOf(stage), {
      context: "arn:aws:eks:eu-central-1:1:cluster/qa",
      namespace: "todo-app-qa",
      protected: true,
      automaticRollback: false,
    });
  });

  it("is compared without decrypting any secret", async () => {
    const values = await stageValues(stage, { showSecrets: false });
    assert.doesNotMatch(JSON.stringify(values), /confidential/);
  });

  it("is what config-diff compares, without the secrets", () => {
    copyFileSync(stage.file, join(project.folder, "Pulumi.qa.yaml"));
    writeFileSync(
      join(project.folder, "Pulumi.other.yaml"),
      "config: { todo-app:kubernetesContext: o, todo-app:host: o.example.com, todo-app:images: { registry: ghcr.io } }\n",
    );
    pulumi("", "stack", "init", "other");
    const { stdout, stderr } = spawnSync(process.execPath, [CONFIG_DIFF, "qa", "other"], {
      encoding: "utf8",
    });
    assert.equal(stderr, "");
    for (const row of [
      /^ {2}backend\.replicas +3 +2 \(default\)$/m,
      /^ {2}frontend\.replicas +4 +2 \(default\)$/m,
      /^ {2}llm +\[secret\] +\(not set\)$/m,
      /^ {2}openaiApiKey +\[secret\] +\(not set\)$/m,
      /^ {2}protectResources +true +false \(default\)$/m,
    ])
      assert.match(stdout, row);
    assert.doesNotMatch(stdout, /confidential|placement/);
  });

  it("is read from the file if the engine cannot read it", async () => {
    const values = await stageValues({ name: "unknown", file: stage.file });
    assert.equal(values["todo-app:kubernetesContext"], "arn:aws:eks:eu-central-1:1:cluster/qa");
    assert.deepEqual(values["todo-app:frontend"], { replicas: 4 });
  });
});
