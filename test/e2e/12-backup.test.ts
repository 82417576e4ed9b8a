/** Backups of dev: made, restored, tried out, and refused once a byte of one was changed. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { callApi, signUp, type Account } from "./support/api.ts";
import { documentedOnDev } from "./support/onDev.ts";
import { attempt, eventually, kubectl, psql, sh, withCheckout } from "./support/shell.ts";

const claims = async () =>
  (await kubectl("get persistentvolumeclaims -o jsonpath='{.items[*].metadata.name}'")).split(" ");
/** Databases beside the one in use. */
const oldDatabases = () => psql("select datname from pg_database where datname like 'todo\\_%'");

/** The folder of this machine in which the local cluster has the volume of a claim. */
const folderOf = async (claim: string) =>
  kubectl(
    `get persistentvolume -o jsonpath='{.items[?(@.spec.claimRef.name=="${claim}")].spec.hostPath.path}'`,
  );

describe("backups", () => {
  let account: Account;

  before(async () => {
    account = await signUp();
  });

  after(async () => {
    // Off again: somebody has to let the volume go, and it stays in the cluster.
    const urns = await sh("pulumi stack --stack dev --show-urns");
    const urn = /urn:\S+::backup-volume$/m.exec(urns)?.[0];
    if (urn) await sh(`pulumi state unprotect --yes --stack dev '${urn}'`);
    await sh("make up");
    assert.deepEqual((await claims()).sort(), ["backups", "postgres-data"]);
    await kubectl("delete persistentvolumeclaim backups");
    await psql("drop role todo_backup");
  });

  it("are refused where they are off, with the command that switches them on", async () => {
    const { code, output } = await attempt("make backup");
    assert.notEqual(code, 0);
    assert.match(output, /error: backups of dev are switched off\n {2}fix: pulumi config set /);
  });

  it("bring back what was there, keep what was there before, and can be tried out", async () => {
    await withCheckout(async (cwd) => {
      const tasks = async () => JSON.stringify(await callApi(account, "/api/tasks"));
      const add = (title: string) =>
        callApi(account, "/api/tasks", { method: "POST", body: { title } });
      await sh("pulumi config set --stack dev --path todo-app:backup.enabled true", { cwd });
      await sh("make up", { cwd });
      // The database's pod is new, and the backend connects to it again within seconds.
      await eventually(30, async () => {
        await tasks();
      });

      await add("Before the backup");
      const before = await tasks();
      const made = await attempt("make backup", { cwd });
      assert.equal(made.code, 0, made.output);
      const [, name] = /^backup (\d{8}-\d{6}) of dev: [\d.]+ [KM]iB in \d+ s$/m.exec(made.output)!;
      await looksAtBackups();
      await sh("make backups", { cwd });
      await add("After the backup");

      const restored = await attempt(`make restore BACKUP=${name}`, { cwd });
      assert.equal(restored.code, 0, restored.output);
      const [, drop] = /'(DROP DATABASE todo_before_\w+)'$/m.exec(restored.output)!;
      await eventually(30, async () => assert.equal(await tasks(), before));
      await add("After the restore");
      assert.equal(await oldDatabases(), drop!.split(" ").at(-1));
      await psql(drop!);

      const drilled = await attempt("make drill", { cwd });
      assert.equal(drilled.code, 0, drilled.output);
      assert.match(drilled.output, new RegExp(`^backup ${name} of dev can be restored: `, "m"));

      await refuses(cwd, name!);
      const jobs = await kubectl("get jobs -o name");
      assert.doesNotMatch(jobs, /by-hand/);
      await eventually(60, async () =>
        assert.deepEqual((await claims()).sort(), ["backups", "postgres-data"]),
      );
      console.log(
        `      backup ${made.seconds.toFixed(1)} s, restore ${restored.seconds.toFixed(1)} s, drill ${drilled.seconds.toFixed(1)} s`,
      );
    });
  });

  /** The key, and what the pages look at when a backup fails; there are logs once one was made. */
  async function looksAtBackups() {
    const commands = documentedOnDev(/name=drill |name=backup |cronjob backup$|backup-volume/);
    assert.equal(commands.length, 4); // docs/backup.md and docs/monitoring.md
    for (const command of commands) assert.notEqual(await sh(command), "", command);
  }

  /** Changes a byte of the backup: then a drill fails, a restore changes nothing, and the list says which one it is. */
  async function refuses(cwd: string, name: string) {
    const file = join(await folderOf("backups"), name, "dump");
    const content = readFileSync(file);
    content[content.length >> 1]! ^= 1;
    writeFileSync(file, content);

    const found = `error: backup ${name} can't be used: the dump was altered`;
    for (const command of ["drill", `restore BACKUP=${name}`]) {
      const { code, output } = await attempt(`make ${command}`, { cwd });
      assert.notEqual(code, 0);
      assert.ok(output.includes(found), output);
    }
    assert.equal(await oldDatabases(), "");
    const list = await attempt("node ops/backups.ts dev Pulumi.dev.yaml --json 2>/dev/null", {
      cwd,
    });
    assert.equal(list.code, 1);
    const { backups } = JSON.parse(list.output) as {
      readonly backups: readonly { readonly name: string; readonly problem: string }[];
    };
    assert.deepEqual(
      backups.map((each) => [each.name, each.problem]),
      [[name, "the dump was altered"]],
    );
  }
});
