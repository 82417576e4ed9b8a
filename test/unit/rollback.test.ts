/** Which revision a rollback goes back to, what it refuses, and the stage file that it deploys. */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { stringify } from "yaml";
import {
  checkTarget,
  defaultTarget,
  lastDeployOf,
  namedTarget,
  restoredFile,
  withCountersKept,
  withStageFile,
} from "../../ops/lib/revisions/restore.ts";
import { effectiveConfig } from "../../ops/lib/stage.ts";
import { readYaml } from "../../ops/lib/yaml.ts";
import { imageOf, revision } from "./support/revisions.ts";

const SUCCEEDED = { end: "succeeded" } as const;

describe("the revision to go back to", () => {
  const newestFirst = [3, 2, 1].map((number) => revision(number));
  const numberOf = (...args: Parameters<typeof defaultTarget>) => defaultTarget(...args).number;

  it("is the one before the current", () =>
    assert.equal(numberOf("qa", newestFirst, SUCCEEDED), 2));

  it("is the newest one where the last deploy failed: the pods before it are those that serve", () =>
    assert.equal(numberOf("qa", newestFirst, { end: "failed" }), 3));

  it("is never one that failed its smoke test", () => {
    const failed = revision(4, { outcome: "failed its smoke test" });
    assert.equal(numberOf("qa", [failed, ...newestFirst], SUCCEEDED), 3);
    assert.equal(numberOf("qa", [failed, ...newestFirst], { end: "failed" }), 3);
    assert.throws(() => defaultTarget("qa", [failed], { end: "failed" }), {
      message: "no revision of qa that worked is kept",
    });
  });

  it("is the same one again where a rollback failed", () =>
    assert.equal(numberOf("qa", newestFirst, { end: "failed", rollback: 1 }), 1));

  it("is after a rollback never the one that it left", () => {
    const back = revision(4, { outcome: "rollback to 2" });
    assert.equal(numberOf("qa", [back, ...newestFirst], SUCCEEDED), 1);
    const first = revision(4, { outcome: "rollback to 1" });
    assert.throws(() => defaultTarget("qa", [first, ...newestFirst], SUCCEEDED), {
      message: "no revision of qa from before revision 1, which runs now, is kept",
      fix: "name one: make rollback STAGE=qa TO=<number>; make history STAGE=qa lists the revisions",
    });
  });

  it("must be named where the last deploy was killed", () =>
    assert.throws(() => defaultTarget("qa", newestFirst, { end: "killed" }), /was killed/));

  it("does not exist before the first deploy that was recorded", () =>
    assert.throws(() => defaultTarget("qa", [], SUCCEEDED), /no revision of qa is kept/));

  it("is the one that was named, or an error with those that there are", () => {
    assert.equal(namedTarget("qa", newestFirst, "1").number, 1);
    for (const wrong of ["4", "01", "one"])
      assert.throws(() => namedTarget("qa", newestFirst, wrong), {
        message: `qa has no revision ${wrong}; it has 3, 2, 1`,
      });
  });
});

describe("the last deploy", () => {
  let folder: string;
  const path = process.env.PATH;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "last-deploy-"))));
  afterEach(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });
  const endOf = (history: readonly object[], pending: readonly object[] = []) => {
    const state = { version: 3, deployment: { pending_operations: pending } };
    writeFileSync(join(folder, "pulumi"), `#!/bin/sh\necho '${JSON.stringify(state)}'\n`);
    chmodSync(join(folder, "pulumi"), 0o755);
    process.env.PATH = `${folder}:${path}`;
    return lastDeployOf({ name: "qa", history: () => history } as unknown as Stack);
  };
  const operation = (kind: string, result: string, message = "") => ({ kind, result, message });

  it("is the newest update, whatever was refreshed since", async () => {
    const refresh = operation("refresh", "succeeded");
    const succeeded = operation("update", "succeeded");
    const failed = operation("update", "failed");
    assert.equal((await endOf([])).end, "succeeded");
    assert.equal((await endOf([refresh, succeeded, failed])).end, "succeeded");
    assert.deepEqual(await endOf([refresh, failed, succeeded]), {
      end: "failed",
      rollback: undefined,
    });
  });

  it("that was a rollback says which", async () =>
    assert.deepEqual(await endOf([operation("update", "failed", "rollback to 2")]), {
      end: "failed",
      rollback: 2,
    }));

  it("was killed where it left operations unfinished", async () =>
    assert.deepEqual(await endOf([operation("update", "succeeded")], [{ type: "creating" }]), {
      end: "killed",
    }));
});

describe("a rollback", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "rollback-"));
    file = join(folder, "Pulumi.qa.yaml");
    writeFileSync(file, stringify({ config: { "todo-app:host": "todo.example.com" } }));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const check = (target = revision(1), newest = revision(2), newerSchema = false) =>
    checkTarget({ name: "qa", file }, target, [newest, target], { newerSchema });

  it("is allowed to images that know the schema", () => check());

  it("is refused to images that do not know every migration, unless that is accepted", () => {
    const newest = revision(2, { migrations: ["0001_create_tasks", "0002_richer_tasks"] });
    assert.throws(() => check(revision(1), newest), {
      message:
        "the database of qa has migrations that the images of revision 1 do not know, and they stay:\n" +
        "  0002_richer_tasks",
      fix: "read them: if they only add what those images can do without, make rollback STAGE=qa TO=1 ARGS=--newer-schema",
    });
    check(revision(1), newest, true);
  });

  it("is allowed past migrations on which every older release runs, and refused past others", () => {
    const migrations = ["0001_create_tasks", "0002_richer_tasks", "0003_drop_tasks"];
    const backwardCompatible = ["0001_create_tasks", "0002_richer_tasks"];
    const newest = revision(2, { migrations: migrations.slice(0, 2), backwardCompatible });
    check(revision(1), newest);
    assert.throws(
      () => check(revision(1), revision(2, { migrations, backwardCompatible })),
      /they stay:\n {2}0003_drop_tasks$/,
    );
  });

  it("is refused to a tag, and to a revision without one of the images", () => {
    const { images } = revision(1);
    for (const [backend, says] of [
      ["localhost:5000/todo-app/backend:dev", /names its image of backend by a tag/],
      [undefined, /has no image of backend/],
    ] as const) {
      const target = revision(1, { images: { ...images, backend } as Record<string, string> });
      assert.throws(() => check(target), says);
    }
  });

  it("is refused to secrets of another provider", () => {
    const config = { "todo-app:openaiApiKey": { secure: "v1:ciphertext" } };
    const secretsprovider = "awskms://alias/old";
    assert.throws(
      () => check(revision(1, { stageFile: { config, secretsprovider } })),
      /encrypted by another provider/,
    );
    check(revision(1, { stageFile: { secretsprovider } }));
  });

  it("deploys the settings of then with prebuilt images, on the cluster as it is found today", () => {
    const now = { config: { "todo-app:kubernetesContext": "renamed" }, encryptionsalt: "now" };
    const then = revision(1, {
      stageFile: {
        config: {
          "pulumi:disable-default-providers": ["kubernetes"],
          "todo-app:kubernetesContext": "minikube",
          "todo-app:host": "todo.example.com",
          "todo-app:images": '{"registry":"localhost:5000"}',
          "todo-app:backend": { replicas: 3 },
        },
        encryptionsalt: "then",
      },
    });
    const restored = restoredFile(then, now);
    assert.deepEqual(restored, {
      config: {
        ...then.stageFile.config,
        "todo-app:kubernetesContext": "renamed",
        "todo-app:images": {
          registry: "localhost:5000",
          backend: imageOf("backend", "a"),
          frontend: imageOf("frontend", "b"),
        },
      },
      encryptionsalt: "now",
    });
    const config = effectiveConfig("qa", restored.config);
    assert.deepEqual([config?.backend.replicas, config?.frontend.replicas], [3, 2]);
  });

  it("never lowers a counter of secretVersions, which would bring back a value that was rotated", () => {
    const file = (counters: unknown) => ({
      config: { "todo-app:host": "a.b", "todo-app:secretVersions": counters },
    });
    const of = (counters: unknown) => revision(2, { stageFile: file(counters) });
    const kept = (target: unknown, newest: unknown) =>
      withCountersKept(revision(1, { stageFile: file(target) }), of(newest)).stageFile;
    const all = { auth: 4, databasePassword: 2 };
    assert.deepEqual(kept({ auth: 1, databasePassword: 2 }, { auth: 4 }), file(all));
    assert.deepEqual(kept('{"auth":1}', '{"auth":4,"databasePassword":2}'), file(all));
    assert.deepEqual(kept({ auth: 4 }, { auth: 3 }), file({ auth: 4 }), "nor raises it");
    const without = revision(1);
    assert.equal(withCountersKept(without, of({ auth: 1 })), without);
    const { config } = withCountersKept(without, of({ auth: 3 })).stageFile;
    assert.equal(
      effectiveConfig("qa", {
        ...config,
        "todo-app:host": "a.b",
        "todo-app:images": { registry: "ghcr.io" },
      })?.secretVersions.auth,
      3,
    );
  });

  it("keeps encrypted values with the key that decrypts them", () => {
    const config = { "todo-app:openaiApiKey": { secure: "v1:ciphertext" } };
    const then = revision(1, { stageFile: { config, encryptionsalt: "then" } });
    const restored = restoredFile(then, { encryptionsalt: "now", secretsprovider: "other" });
    assert.equal(restored.encryptionsalt, "then");
    assert.equal("secretsprovider" in restored, false);
    assert.deepEqual(restored.config!["todo-app:openaiApiKey"], { secure: "v1:ciphertext" });
  });

  it("uses a temporary file that only its owner can read, and leaves the stage file as it is", async () => {
    const before = readFileSync(file, "utf8");
    const content = restoredFile(revision(1), readYaml(file));
    let temporary = "";
    await assert.rejects(
      withStageFile({ name: "qa", file }, content, (stage) => {
        temporary = stage.file;
        assert.equal(stage.name, "qa");
        assert.equal(statSync(temporary).mode & 0o777, 0o600);
        assert.deepEqual(readYaml(temporary), content);
        return Promise.reject(new Error("the deploy failed"));
      }),
      /the deploy failed/,
    );
    assert.equal(existsSync(temporary), false);
    assert.equal(readFileSync(file, "utf8"), before);
  });
});
