/** `make dev` beside the engine: which files a pod gets, and what is said about them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { SERVICES } from "../../config/services.ts";
import { developmentFile, refuseDevelopment } from "../../ops/lib/dev/develop.ts";
import { follow, lineOf, type Means } from "../../ops/lib/dev/follow.ts";
import { developmentPodIn, type Found } from "../../ops/lib/dev/pods.ts";
import { receiverOf } from "../../ops/lib/dev/receiver.ts";
import { readSources, watchSources, type Watch } from "../../ops/lib/dev/sources.ts";
import { effectiveConfig } from "../../ops/lib/stage.ts";
import type { ApiObject } from "../../ops/lib/watch/objects.ts";
import { readYaml } from "../../ops/lib/yaml.ts";

/** Takes sources as the programs in the pods do: says what differs from before, and fails with a file `broken`. */
const PROGRAM = `
let before = {};
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, files } = JSON.parse(line);
  const paths = Object.keys({ ...before, ...files }).sort();
  const changed = paths.filter((path) => before[path] !== files[path]);
  before = files;
  if ("end" in files) process.exit(1);
  console.log(JSON.stringify({ id, changed, outcome: "broken" in files ? "failed" : "serves" }));
});`;

let folder: string;
const write = (path: string, text = path) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sources-"));
  write(".dockerignore", "*\n!app\n!lock\n**/*.pyc\n");
  for (const path of ["Dockerfile", "lock", "app/main.py", "app/main.pyc", "tests/one.py"])
    write(path);
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("the sources that a pod gets", () => {
  it("are what a build is sent; those that need a deploy are known as well", () => {
    symlinkSync("..", join(folder, "app/link"));
    const { files, fixed } = readSources(folder, /^lock$/);
    assert.deepEqual([...files.keys()], ["app/main.py", "lock"]);
    assert.deepEqual([...fixed.keys()], ["Dockerfile", ".dockerignore", "lock"]);
    assert.equal(String(files.get("lock")), "lock");
  });

  for (const [name, needing, others] of [
    [
      "backend",
      ["requirements.lock", "compile_imported.py", "app/migrations/versions/0001_create_tasks.py"],
      ["app/main.py", "app/tasks/routes.py"],
    ],
    [
      "frontend",
      ["package.json", "package-lock.json", ".npmrc", "development.ts"],
      ["app/page.tsx", "next.config.ts", "app/globals.css"],
    ],
  ] as const)
    it(`of the ${name} are those of its folder`, () => {
      const { files, fixed } = readSources(`app/${name}`, SERVICES[name].development.fixed);
      for (const path of [...needing, ...others]) assert.ok(files.has(path), path);
      for (const path of needing) assert.ok(fixed.has(path), path);
      for (const path of others) assert.ok(!fixed.has(path), path);
      assert.ok(![...files.keys()].some((path) => /node_modules|tests|\.next/.test(path)));
    });

  describe("are watched", () => {
    let watch: Watch;
    let changes = 0;
    beforeEach(async () => {
      watch = await watchSources(folder);
      changes = 0;
      const count = (): Promise<void> =>
        watch.changed().then(() => {
          changes += 1;
          return count();
        });
      void count();
    });
    afterEach(() => watch.close());
    /** Whether a change is noticed. Nothing is lost by waiting shortly for one that is not. */
    const noticed = async (change: () => void) => {
      const before = changes;
      change();
      for (let waited = 0; waited < 40 && changes === before; waited += 1)
        await new Promise((resolve) => setTimeout(resolve, 25));
      return changes > before;
    };

    it("also in new folders, and when they are renamed or deleted", async () => {
      assert.ok(await noticed(() => write("app/main.py", "other")));
      assert.ok(await noticed(() => write("app/deep/er/new.py")));
      assert.ok(await noticed(() => write("app/deep/er/new.py", "other")));
      const rename = () =>
        renameSync(join(folder, "app/deep/er/new.py"), join(folder, "app/deep/er/old.py"));
      assert.ok(await noticed(rename));
      assert.ok(await noticed(() => rmSync(join(folder, "app/deep/er/old.py"))));
      assert.ok(await noticed(() => write("Dockerfile", "other")));
      assert.ok(await noticed(() => write(".dockerignore", "*\n!app\n")));
    });

    it("but not what a build is not sent", async () => {
      assert.ok(!(await noticed(() => write("tests/one.py", "other"))));
      assert.ok(!(await noticed(() => write("app/main.pyc", "other"))));
    });
  });
});

describe("a line about a sync", () => {
  it("names the files and the seconds", () => {
    const line = (...changed: string[]) => lineOf({ changed, outcome: "serves" }, 0.86);
    assert.equal(line("a.py"), "a.py (1 file) … serves after 0.9 s");
    assert.equal(line("a.py", "b.py"), "a.py, b.py (2 files) … serves after 0.9 s");
    assert.equal(line("a", "b", "c", "d"), "a, b and 2 more (4 files) … serves after 0.9 s");
    assert.equal(line(), "the pod has the same sources … serves after 0.9 s");
  });
});

describe("the pod in development", () => {
  const pod = (name: string, changes: object = {}): ApiObject => ({
    kind: "Pod",
    metadata: {
      name,
      uid: name,
      creationTimestamp: `2026-01-0${name.length}T00:00:00Z`,
      annotations: { "todo-app/development": "true" },
      ...changes,
    },
    status: {
      containerStatuses: [
        { name: "backend", ready: true, restartCount: 0, state: { running: {} }, lastState: {} },
      ],
    },
  });
  it("is the newest one that runs; another form of the service is noticed", () => {
    assert.deepEqual(developmentPodIn([pod("a"), pod("bb")]), { pod: "bb" });
    const leaving = pod("ccc", { deletionTimestamp: "2026-01-01T00:00:00Z" });
    assert.deepEqual(developmentPodIn([pod("a"), leaving]), { pod: "a" });
    assert.deepEqual(developmentPodIn([{ ...pod("a"), status: {} }, pod("bb")]), { pod: "bb" });
    assert.equal(developmentPodIn([]), "none");
    assert.equal(developmentPodIn([leaving]), "none");
    assert.equal(developmentPodIn([pod("a", { annotations: {} }), leaving]), "built");
  });
});

describe("a service that is followed", () => {
  let lines: string[];
  let abort: AbortController;
  let found: Found;
  let connections: number;
  let ended: Promise<void>;
  const said = async (pattern: RegExp) => {
    for (let waited = 0; waited < 200; waited += 1) {
      if (lines.some((line) => pattern.test(line))) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    assert.fail(`nothing said ${pattern}: ${lines.join("\n")}`);
  };
  const start = async () => {
    const watch = await watchSources(folder);
    const means: Means = {
      service: "backend",
      read: () => readSources(folder, /^lock$/),
      watch,
      find: () => Promise.resolve(found),
      connect: () => {
        connections += 1;
        return receiverOf(spawn("node", ["-e", PROGRAM], { stdio: "pipe" }));
      },
      log: () => Promise.resolve("first\nlast\n"),
      say: (line) => lines.push(line),
      signal: abort.signal,
    };
    ended = follow(means, means.read().fixed).finally(() => watch.close());
    ended.catch(() => {});
  };
  beforeEach(async () => {
    lines = [];
    abort = new AbortController();
    found = { pod: "backend-1" };
    connections = 0;
    await start();
    await said(/app\/main\.py, lock \(2 files\) … serves after \d\.\d s$/);
  });
  afterEach(async () => {
    abort.abort();
    await ended.catch(() => {});
  });

  it("gets each change, and the deletion of a file", async () => {
    write("app/main.py", "other");
    await said(/^ {2}backend: app\/main\.py \(1 file\) … serves after/);
    write("app/new.py");
    await said(/^ {2}backend: app\/new\.py \(1 file\)/);
    lines = [];
    rmSync(join(folder, "app/new.py"));
    await said(/^ {2}backend: app\/new\.py \(1 file\)/);
    assert.equal(connections, 1);
  });

  it("shows the end of the log where it does not work, and goes on", async () => {
    write("app/broken");
    write(".dockerignore", "*\n!app\n!lock\n!broken\n**/*.pyc\n");
    write("broken");
    await said(/broken.* … does not work \(after \d\.\d s\); the end of its log:$/);
    await said(/^ {4}first\n {4}last$/);
    rmSync(join(folder, "broken"));
    await said(/^ {2}backend: broken \(1 file\) … serves/);
  });

  it("is said to need a deploy where a file of its image was changed, once for each change", async () => {
    write("lock", "other");
    await said(/^ {2}backend: lock \(1 file\) … needs a deploy: Ctrl-C, then make dev again$/);
    write("app/main.py", "other");
    await said(/^ {2}backend: app\/main\.py \(1 file\)/);
    assert.equal(lines.filter((line) => line.includes("needs a deploy")).length, 1);
    lines = [];
    write("lock", "lock");
    await said(/^ {2}backend: lock \(1 file\) … serves/);
    assert.ok(!lines.some((line) => line.includes("needs a deploy")), "it is as deployed again");
  });

  it("gets everything again in the pod that replaces one", async () => {
    lines = [];
    write(".dockerignore", "*\n!app\n!lock\n!end\n**/*.pyc\n");
    write("end");
    await said(/backend: lost backend-1$/);
    rmSync(join(folder, "end"));
    await said(/app\/main\.py, lock \(2 files\) … serves/);
    assert.ok(connections >= 2);
  });

  it("waits for a pod where there is none, and says so once", async () => {
    found = "none";
    write(".dockerignore", "*\n!app\n!lock\n!end\n**/*.pyc\n");
    write("end");
    await said(/^ {2}backend: waits for its pod$/);
    rmSync(join(folder, "end"));
    await new Promise((resolve) => setTimeout(resolve, 1200));
    assert.equal(lines.filter((line) => line.includes("waits")).length, 1);
    lines = [];
    found = { pod: "backend-2" };
    await said(/app\/main\.py, lock \(2 files\) … serves/);
  });

  it("ends with an error where another command has deployed the built image", async () => {
    found = "built";
    write(".dockerignore", "*\n!app\n!lock\n!end\n**/*.pyc\n");
    write("end");
    await assert.rejects(ended, /backend runs its built image: another command has deployed it/);
  });
});

describe("make dev", () => {
  const configOf = (changes: object) => {
    const config = effectiveConfig("dev", { ...readYaml("Pulumi.dev.yaml").config, ...changes });
    assert.ok(config);
    return config;
  };
  it("deploys the stage file with one more key", () => {
    const file = readYaml("Pulumi.dev.yaml");
    const { config } = developmentFile(file);
    assert.deepEqual(config, { ...file.config, "todo-app:development": true });
    assert.equal(configOf(config).development, true);
  });

  it("is refused for a protected stage before anything changes, with the command to use", () => {
    const stage = { name: "production", file: "Pulumi.production.yaml" };
    refuseDevelopment(stage, configOf({}));
    assert.throws(() => refuseDevelopment(stage, configOf({ "todo-app:protectResources": true })), {
      message: /^production can't run from sources, because protectResources is true/,
      fix: /make dev STAGE=dev/,
    });
  });
});
