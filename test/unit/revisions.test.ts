/** Revisions: what is recorded, where it is kept, and how `make history` words it. */
import assert from "node:assert/strict";
import { describe as describeRevision } from "../../ops/lib/revisions/describe.ts";
import { differences } from "../../ops/lib/revisions/differences.ts";
import { recordDeploy, revisionOf } from "../../ops/lib/revisions/record.ts";
import { migrationsInSource, sourceOf, type Revision } from "../../ops/lib/revisions/revision.ts";
import { reuseOf } from "../../ops/lib/revisions/restore.ts";
import { addRevision, listRevisions } from "../../ops/lib/revisions/store.ts";
import { withFakeSecrets } from "./support/fakeSecrets.ts";
import { imageOf, revision } from "./support/revisions.ts";

const PLACE = { context: "minikube", namespace: "todo-app-qa" };
const withSettings = (settings: object) => ({
  stageFile: { config: { ...revision(1).stageFile.config, ...settings } },
});

/** What a deploy of the same things as `revision` hands over. */
function deployed({ images, stageFile, time, user }: Revision, changes = {}) {
  return { source: { time, user, stageFile }, images, changed: true, ...changes };
}

describe("a revision", () => {
  it("has the number after the newest, and says what was deployed", () => {
    const first = revisionOf(deployed(revision(1)), [])!;
    assert.deepEqual([first.number, first.outcome], [1, "deployed"]);
    const { migrations, backwardCompatible } = migrationsInSource();
    assert.deepEqual(first.migrations, migrations);
    assert.deepEqual(first.backwardCompatible, backwardCompatible);
    assert.match(first.migrations![0]!, /^0001_/);
    assert.equal(revisionOf(deployed(revision(1)), [revision(7), revision(6)])!.number, 8);
  });

  it("is none where a deploy changed nothing, and has the same images and settings", () => {
    const newest = revision(1, migrationsInSource());
    const nothing = { changed: false };
    assert.equal(revisionOf(deployed(newest, nothing), [newest]), undefined);
    assert.ok(revisionOf(deployed(newest, nothing), []), "the first one");
    assert.ok(revisionOf(deployed(newest), [newest]), "the cluster was put right");
    const more = withSettings({ "todo-app:rolloutTimeoutSeconds": 400 });
    assert.ok(revisionOf(deployed({ ...newest, ...more }, nothing), [newest]));
  });

  it("of a rollback says so, and has the settings of the revision, not those of the temporary file", () => {
    const target = revision(1, { migrations: ["0001_create_tasks"] });
    const newest = revision(2, { images: { ...target.images, backend: imageOf("backend", "c") } });
    const temporary = withSettings({ "todo-app:images": target.images });
    const prebuilt = target.images.backend;
    const rollback = revisionOf(
      deployed({ ...target, ...temporary }, { prebuilt, reuse: reuseOf("qa", target) }),
      [newest, target],
    )!;
    assert.deepEqual([rollback.number, rollback.outcome], [3, "rollback to 1"]);
    assert.deepEqual(rollback.stageFile, target.stageFile);
    assert.deepEqual(rollback.migrations, ["0001_create_tasks"], "those of its images");
  });

  it("does not claim to know the migrations of an image that was built elsewhere", () => {
    const prebuilt = imageOf("backend", "d");
    assert.equal("migrations" in revisionOf(deployed(revision(1), { prebuilt }), [])!, false);
  });

  it("names who deployed, when and from which commit", async () => {
    const { time, user, commit, dirty, stageFile } = await sourceOf("Pulumi.dev.yaml");
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
    assert.match(user, /^.+@.+$/);
    // A copy of the files without their repository is a checkout too.
    assert.match(commit ?? "0".repeat(40), /^[0-9a-f]{40}$/);
    assert.equal(typeof dirty, commit ? "boolean" : "undefined");
    assert.ok(stageFile.config?.["todo-app:host"]);
  });
});

describe("the revisions of a stage", () => {
  const cluster = withFakeSecrets();

  it("are immutable Secrets beside the app, named in each call", async () => {
    await addRevision(PLACE, revision(1), []);
    const { metadata, type, immutable } = cluster.secret("revision-1");
    assert.equal(metadata.name, "revision-1");
    assert.equal(metadata.labels["app.kubernetes.io/managed-by"], "todo-app-ops");
    assert.deepEqual([type, immutable], ["todo-app/revision", true]);
    for (const call of cluster.calls())
      assert.match(call, /^--context=minikube --namespace=todo-app-qa /);
  });

  it("come back newest first, as they were", async () => {
    const secret = { "todo-app:databaseUrl": { secure: "v1:ciphertext" } };
    const revisions = [revision(9), revision(10, withSettings(secret))];
    for (const each of revisions) await addRevision(PLACE, each, []);
    assert.deepEqual(await listRevisions(PLACE), revisions.reverse());
  });

  it("are the last ten", async () => {
    for (let number = 1; number <= 12; number += 1)
      await recordDeploy(PLACE, deployed(revision(1)));
    const numbers = (await listRevisions(PLACE)).map(({ number }) => number);
    assert.deepEqual(numbers, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
  });

  it("are never written over", async () => {
    await addRevision(PLACE, revision(1), []);
    await assert.rejects(addRevision(PLACE, revision(1), []), /can't be changed: .*AlreadyExists/);
  });

  for (const verb of ["get", "create"])
    it(`that can't be recorded (${verb}) make a warning, not a failed deploy`, async () => {
      cluster.deny(verb);
      let said = "";
      const write = process.stderr.write.bind(process.stderr);
      process.stderr.write = (text: string | Uint8Array) => ((said += text.toString()), true);
      try {
        await recordDeploy(PLACE, deployed(revision(1)));
      } finally {
        process.stderr.write = write;
      }
      assert.match(said, /^\nwarning: this deploy is not recorded, .*Forbidden/);
      assert.match(said, new RegExp(`auth can-i ${verb} secrets\n$`));
    });
});

describe("the difference between two revisions", () => {
  const after = (changes: Partial<Revision>) => differences(revision(1), revision(2, changes));

  it("is nothing where time, commit and user alone differ", () =>
    assert.deepEqual(after({ commit: "f".repeat(40), user: "bo@laptop" }), []));

  it("names images, new migrations and settings with both values", () => {
    const images = { ...revision(1).images, backend: imageOf("backend", "c") };
    const migrations = ["0001_create_tasks", "0002_richer_tasks"];
    const settings = withSettings({
      "todo-app:backend": { replicas: 3 },
      "todo-app:placement": "any",
    });
    assert.deepEqual(after({ images, migrations, ...settings }), [
      "image of backend",
      "migration 0002_richer_tasks",
      "backend.replicas 2 → 3",
      "placement not set → any",
    ]);
  });

  it("shows neither secrets nor long values", () => {
    const settings = (secure: string, caCertificate: string) =>
      withSettings({
        "todo-app:openaiApiKey": { secure },
        "todo-app:database": { caCertificate },
      });
    const [one, other] = [settings("v1:canary", "A\n".repeat(9)), settings("v1:other", "B\n")];
    assert.deepEqual(differences(revision(1, one), revision(2, other)), [
      "openaiApiKey changed",
      "database.caCertificate changed",
    ]);
  });
});

describe("make history", () => {
  const listed = { ...revision(3), commit: null, dirty: null, migrations: [] };

  it("shows a revision by what tells it from others", () =>
    assert.equal(
      describeRevision({
        ...listed,
        commit: revision(3).commit!,
        dirty: true,
        outcome: "rollback to 1",
        differences: ["image of backend", "backend.replicas 2 → 3"],
      }),
      "   3  2026-01-03 10:20 UTC, ana@workstation, commit 01234567 with local changes, rollback to 1\n" +
        "      images: backend aaaaaaaa, frontend bbbbbbbb\n" +
        "      since the one before: image of backend; backend.replicas 2 → 3\n",
    ));

  it("says what it does not know", () => {
    const text = describeRevision({ ...listed, images: { backend: "a/b:dev" }, differences: null });
    assert.match(text, /no commit\n {6}images: backend a\/b:dev\n {6}the oldest that is kept\n$/);
  });
});
