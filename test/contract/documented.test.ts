/** Commands of the documentation that need no cluster: settings with the real engine, a new stage, an older commit. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { checkValues } from "../../config/check.ts";
import { decode } from "../../config/decode.ts";
import { passedToProgram, stageValues } from "../../ops/lib/stage.ts";
import {
  blocksBelow,
  commandsOf,
  documentedCommands,
  type Command,
} from "../unit/support/documentedCommands.ts";
import { GIVEN_SECRETS } from "../unit/support/stages.ts";
import { enterOwnProject, type OwnProject } from "./ownProject.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const STAGES = ["dev", "staging", "production"];

/** What a page says that a stage has already, by the heading of the commands. */
const CLOUD_NATIVE_PG = {
  "todo-app:database": {
    mode: "cloudnative-pg",
    image: "ghcr.io/cloudnative-pg/postgresql:17",
    maxConnections: 200,
  },
  "todo-app:databaseUrl": "",
};
const HAS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "Back up a CloudNativePG cluster": CLOUD_NATIVE_PG,
  "Recover a CloudNativePG cluster": {
    ...CLOUD_NATIVE_PG,
    "todo-app:backup": {
      enabled: true,
      s3: { endpoint: "https://s3.example.com", region: "eu-central-1", bucket: "acme-backups" },
    },
    "todo-app:backupS3AccessKeyId": "confidential",
    "todo-app:backupS3SecretAccessKey": "confidential",
  },
};

const SETTING = /^pulumi config set --stack (\S+) /;
const settings = documentedCommands().filter(({ text }) => SETTING.test(text));
const stageOf = ({ text }: Command) => SETTING.exec(text)![1]!;
/** The settings that are made one after the other: those of a stage below a heading. */
const groups = Map.groupBy(
  settings.filter((command) => STAGES.includes(stageOf(command))),
  (command) => `${command.page}, ${command.heading}, ${stageOf(command)}`,
);

/** What an operator types when a command asks for a value. */
const typed = (text: string) => GIVEN_SECRETS[/todo-app:\w+/.exec(text)![0]] ?? "confidential";
const answered = (text: string) => `${text} <<<'${typed(text)}'`;

describe("the documented commands", function () {
  this.timeout(60_000);
  let project: OwnProject;
  const run = (script: string) =>
    execFileSync("bash", ["-euo", "pipefail", "-c", script], { encoding: "utf8", stdio: "pipe" });

  before(() => {
    project = enterOwnProject("documented");
    run(STAGES.map((stage) => `pulumi stack init ${stage}`).join("\n"));
  });
  after(() => project.leave());

  /** Writes the project's file of a stage, without what a machine has added to it. */
  function writeStageFile(stage: string, more: Readonly<Record<string, unknown>> = {}): void {
    const { config } = parse(readFileSync(join(ROOT, `Pulumi.${stage}.yaml`), "utf8"));
    const secrets = stage === "dev" ? {} : GIVEN_SECRETS;
    const content = { config: { ...config, ...secrets, ...more } };
    writeFileSync(`Pulumi.${stage}.yaml`, stringify(content));
  }
  /** Checks the settings of a stage as a deploy does. */
  async function isRight(stage: string): Promise<void> {
    const values = await stageValues({
      name: stage,
      file: join(project.folder, `Pulumi.${stage}.yaml`),
    });
    const { problems } = checkValues(stage, decode(passedToProgram(values)));
    assert.deepEqual(problems, []);
  }

  it("set nothing in a stage that there is not", () => {
    assert.ok(settings.length > 30);
    const others = settings.filter((command) => !STAGES.includes(stageOf(command)));
    assert.deepEqual([...new Set(others.map(({ heading }) => heading))], ["A new stage"]);
  });

  for (const [name, commands] of groups)
    it(`make settings that a deploy accepts: ${name}`, async () => {
      const stage = stageOf(commands[0]!);
      writeStageFile(stage, HAS[commands[0]!.heading]);
      run(commands.map(({ text }) => answered(text)).join("\n"));
      await isRight(stage);
    });

  it("make a new stage of another one", async () => {
    writeStageFile("staging");
    const [block] = blocksBelow("docs/configuration.md", "A new stage");
    const commands = commandsOf(block!);
    assert.equal(commands.at(-1)!.text, "make preview STAGE=qa"); // which needs a cluster
    run(
      commands
        .slice(0, -1)
        .map(({ text }) => (SETTING.test(text) ? answered(text) : text))
        .join("\n"),
    );
    await isRight("qa");
  });

  it("go to an older commit", () => {
    const clone = join(project.folder, "clone");
    const [block] = blocksBelow("docs/rollback.md", "Roll back to a commit");
    const [command, deploy] = commandsOf(block!);
    assert.equal(deploy!.text, "make up STAGE=production"); // which needs a cluster
    const commit = "git -c user.name=a -c user.email=a@example.com commit --quiet --allow-empty";
    run(`git init --quiet ${clone}; cd ${clone}; ${commit} -m good; ${commit} -m bad`);
    const good = run(`git -C ${clone} rev-parse HEAD~`).trim();
    run(`cd ${clone}; ${command!.text.replace("<last good commit>", good)}`);
    assert.equal(run(`git -C ${clone} rev-parse HEAD`).trim(), good);
  });
});
