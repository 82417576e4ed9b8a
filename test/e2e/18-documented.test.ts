/** The commands of the pages that look at a stage, and those for work by hand, as they are written: on dev. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { blocksBelow } from "../unit/support/documentedCommands.ts";
import { callApi, signUp } from "./support/api.ts";
import { documentedOnDev, onDev } from "./support/onDev.ts";
import { attempt, eventually, kubectl, psql, sh, withCheckout } from "./support/shell.ts";

const LOOKS = /^kubectl (--?\w+ \S+ )+(get (pods|events|nodes)|describe|logs|exec)\b/;
/** 12-backup.test.ts runs these, as dev has no backups here. */
const OF_BACKUPS = /name=backup |cronjob backup$|backup-volume/;

const blockBelow = (page: string, heading: string) => onDev(blocksBelow(page, heading)[0]!.text);
const rolledOut = async () => {
  for (const name of ["backend", "frontend"])
    await kubectl(`rollout status deployment/${name} --timeout=180s`);
};

describe("the documented commands", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "todo-app-documented-"))));
  after(() => rmSync(folder, { recursive: true }));

  /** Lets the program of a backend end, so that a pod has the log of a run before. @returns the pod */
  async function restartedPod(): Promise<string> {
    await kubectl("exec deployment/backend -- python -c 'import os; os.kill(1, 15)'");
    let pod = "";
    await eventually(60, async () => {
      const { items } = JSON.parse(
        await kubectl("get pods --selector app.kubernetes.io/name=backend --output json"),
      ) as { items: { metadata: { name: string }; status: any }[] };
      pod =
        items.find(({ status }) => status.containerStatuses?.[0]?.restartCount > 0)?.metadata
          .name ?? "";
      assert.ok(pod, "no container was started again");
    });
    await rolledOut();
    return pod;
  }

  it("look at pods, logs, events and objects", async () => {
    const commands = documentedOnDev(LOOKS).filter((command) => !OF_BACKUPS.test(command));
    assert.ok(commands.length > 12);
    const pod = await restartedPod();
    for (const command of commands) {
      const { code, output } = await attempt(command.replace("<pod>", pod));
      assert.doesNotMatch(output, /^error|^Error/m, command);
      // Nothing is found in a log without errors.
      assert.ok(code === 0 || (/\| grep ERROR$/.test(command) && output === ""), command + output);
    }
    await kubectl(`delete pod ${pod}`);
    await rolledOut();
  });

  it("find the URN of a resource, with which it is replaced", async () => {
    const [find, ...others] = documentedOnDev(/--show-urns \| grep .*Job::migration/);
    assert.deepEqual(others, []);
    const urn = await sh(find!);
    assert.match(urn, /^urn:\S+::migration$/);
    const output = await sh(`pulumi up --stack dev --replace '${urn}' --yes --skip-preview`);
    assert.match(output, /migration.*replaced/);
    const [volume] = documentedOnDev(/--show-urns \| grep .*postgres-data/);
    assert.match(await sh(volume!), /^urn:\S+::postgres-data$/);
  });

  it("build an image anew that is gone from the registry", async () => {
    const output = await sh(blockBelow("docs/registry.md", "An image that is gone"));
    assert.match(output, /Image backend-image/);
    assert.match(output, /dev is up/);
  });

  it("give an image another tag where tags can't be moved", async () => {
    const tagOf = async () =>
      /"imageName": "(\S+backend:\S+)"/.exec(await sh("pulumi stack export --stack dev"))![1]!;
    await withCheckout(async (cwd) => {
      await sh("pulumi config set --stack dev --path todo-app:images.immutableTags true", { cwd });
      await sh("make up", { cwd });
      const before = await tagOf();
      const block = blockBelow("docs/registry.md", "Tags");
      const [find, taint] = block.trim().split("\n") as [string, string];
      const urn = (await sh(find)).split("\n").find((each) => each.includes("backend"))!;
      assert.match(urn, /::backend.*image-tag$/);
      await sh(taint.replace("<one of these>", urn), { cwd });
      assert.notEqual(await tagOf(), before);
    });
    await sh("make up");
  });

  it("make a pull Secret of a token", async () => {
    const commands = documentedOnDev(/create secret docker-registry /);
    assert.equal(commands.length, 2);
    writeFileSync(join(folder, "token"), "confidential");
    for (const command of commands) {
      await sh(command, { cwd: folder });
      const [, name] = /docker-registry (\S+) /.exec(command)!;
      assert.match(
        await kubectl(`get secret ${name} --output jsonpath='{.type}'`),
        /dockerconfigjson/,
      );
      await kubectl(`delete secret ${name}`);
    }
  });

  it("dump the database and restore the dump by hand, after which the app works", async () => {
    const [stop, start] = documentedOnDev(/scale deployment\/backend deployment\/frontend/);
    const [db, dump, restore] = blockBelow("docs/backup.md", "By hand").trim().split("\n");
    const account = await signUp();
    await psql("create table by_hand as select 1 as x");
    await sh(`${db}\n${dump}`, { cwd: folder });
    await sh(stop!);
    try {
      await psql("delete from by_hand");
      await sh(`${db}\n${restore}`, { cwd: folder });
    } finally {
      await sh(start!);
    }
    await rolledOut();
    assert.equal(await psql("select x from by_hand"), "1");
    await psql("drop table by_hand");
    await eventually(60, async () => {
      await callApi(account, "/api/tasks", { method: "POST", body: { title: "After the dump" } });
    });
  });

  it("ask make for checks and reports", async () => {
    await sh("make preflight");
    await sh("make smoke ARGS=--write");
    for (const name of ["doctor", "drift"]) {
      const file = join(folder, `${name}.json`);
      await sh(
        name === "drift"
          ? `make --silent drift ARGS=--json > ${file}`
          : `make --silent doctor ARGS=--json > ${file}`,
      );
      assert.ok(JSON.parse(readFileSync(file, "utf8")));
    }
    await sh(`make render OUT=${folder}/rendered`);
    await sh(`make render OUT=${folder}/dev.yaml`);
    assert.equal(
      parseAllDocuments(readFileSync(`${folder}/dev.yaml`, "utf8")).length,
      readdirSync(`${folder}/rendered`).filter((name) =>
        statSync(`${folder}/rendered/${name}`).isFile(),
      ).length,
    );
  });

  it("push the cache of builds", async () => {
    assert.match(await sh("make build-cache"), /backend:cache/);
  });
});
