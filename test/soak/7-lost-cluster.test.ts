/**
 * A cluster that is gone for good: the commands of docs/backup.md, as they are written there, bring a stage and its data to
 * another cluster.
 *
 * This machine has one cluster, which other stages are on. So what is lost by default is what a stage has in it: the namespace with all
 * volumes. The state then names another cluster as the one that the stage was deployed to. With `LOSE=cluster` in the environment,
 * the local cluster itself is removed and made anew; every other stage goes with it.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMarker, removeStage } from "../e2e/support/kills.ts";
import { attempt, eventually, makeCheckout, sh } from "../e2e/support/shell.ts";
import { blocksBelow } from "../unit/support/documentedCommands.ts";
import { ownStage } from "../e2e/support/ownStage.ts";

const stage = ownStage("lost");
const HEADINGS = ["Copy a backup out of the cluster", "When the cluster is lost"];

describe("a stage whose cluster is lost", () => {
  let cwd: string;
  let outside: string;
  let markerIsServed: () => Promise<void>;
  let begin: number;
  const [[startPod, copyOut], [deployAnew, putIn]] = HEADINGS.map((heading) =>
    blocksBelow("docs/backup.md", heading).map(({ text }) => text),
  ) as unknown as [readonly [string, string], readonly [string, string]];

  /** Runs blocks of the page as one script, for this stage and a backup. */
  const follow = (blocks: readonly string[], backup: string) =>
    sh(
      blocks
        .join("")
        .replaceAll("--context production", "--context minikube")
        .replaceAll("todo-app-production", "todo-app-lost")
        .replaceAll("STAGE=production", `STAGE=${stage.name}`)
        .replaceAll("20260302-021700.tar", join(outside, "backup.tar"))
        .replaceAll("20260302-021700", backup),
      { cwd },
    );
  const stateFile = () => join(outside, "state.json");
  const saveState = () => sh(`pulumi stack export --stack ${stage.name} --file ${stateFile()}`);

  /** Removes the whole cluster and makes another one. The state of the stack is kept, as one that is elsewhere would be. */
  async function loseCluster(): Promise<void> {
    await saveState();
    await sh("make local-clean && local/up dev && local/env"); // local/env makes the folder of the states anew
    const stageFile = join(cwd, `Pulumi.${stage.name}.yaml`);
    const content = readFileSync(stageFile, "utf8");
    await sh(`pulumi stack init ${stage.name}`, { cwd });
    await sh(`pulumi stack import --stack ${stage.name} --file ${stateFile()}`, { cwd });
    assert.equal(readFileSync(stageFile, "utf8"), content);
  }

  /** Removes what the stage has in the cluster, and lets its state say that it was another cluster. */
  async function loseNamespace(): Promise<void> {
    const volumes = [await stage.folderOf("postgres-data"), await stage.folderOf("backups")];
    await sh(`kubectl --context minikube delete namespace todo-app-${stage.name}`);
    await eventually(60, async () => {
      for (const folder of volumes) await sh(`test ! -e ${folder}`);
    });
    const uid =
      "kubectl --context minikube get namespace kube-system -o jsonpath='{.metadata.uid}'";
    await saveState();
    await sh(`sed -i "s/$(${uid})/00000000-0000-4000-8000-000000000000/g" ${stateFile()}`);
    await sh(`pulumi stack import --stack ${stage.name} --file ${stateFile()}`, { cwd });
  }

  before(async () => {
    cwd = await makeCheckout();
    outside = mkdtempSync(join(tmpdir(), "todo-app-outside-"));
    stage.writeFile(cwd, () => ({ "todo-app:backup": { enabled: true } }));
    await stage.make("up", cwd);
    markerIsServed = await createMarker(stage.host);
  });
  after(async () => {
    await removeStage(stage.name, cwd);
    for (const folder of [cwd, outside]) rmSync(folder, { recursive: true });
  });

  it("had a backup outside of the cluster", async () => {
    const output = await stage.make("backup", cwd);
    const [, backup] = /^backup (\S+) of lost: /m.exec(output)!;
    await follow([startPod, copyOut], backup!);
    assert.match(
      await sh(`tar --list --file ${join(outside, "backup.tar")}`),
      new RegExp(`^${backup}/dump$`, "m"),
    );
  });

  it("is refused where the context leads to another cluster", async () => {
    begin = Date.now();
    await (process.env.LOSE === "cluster" ? loseCluster : loseNamespace)();
    const { code, output } = await attempt(`make up STAGE=${stage.name}`, { cwd });
    assert.notEqual(code, 0);
    assert.match(output, /error: lost was deployed to another cluster, and nothing was changed/);
    assert.match(output, /make up STAGE=lost NEW_CLUSTER=1/);
  });

  it("serves its data from the new one, and its users are still signed in", async () => {
    const [backup] = (await sh(`tar --list --file ${join(outside, "backup.tar")}`)).split("/");
    await follow([deployAnew, startPod, putIn], backup!);
    await markerIsServed();
    const minutes = (Date.now() - begin) / 60_000;
    console.log(`      ${minutes.toFixed(1)} minutes from the loss until its data was served`);
  });
});
