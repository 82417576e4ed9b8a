/** The workflows in .github: what they call exists, what they use is pinned, and no job may do more than it must. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";
import { imageLines } from "../../ops/lib/images.ts";
import { pullRequestStage } from "../../ops/lib/prStage.ts";
import { refuseOther } from "../../ops/lib/revisions/promotion.ts";
import { DEFAULTS } from "../../policy/settings.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string) => readFileSync(`${ROOT}/${file}`, "utf8");

const FOLDER = ".github/workflows";
const WORKFLOWS = readdirSync(`${ROOT}/${FOLDER}`).map((name) => `${FOLDER}/${name}`);
const FILES = [...WORKFLOWS, ".github/actions/login/action.yml"];
const DOCS = read("docs/pipelines.md");

const jobsOf = (file: string) => Object.entries<any>(parse(read(file)).jobs);
/** The steps of all workflows, each with where it is. */
const STEPS = FILES.flatMap((file) => {
  const { jobs, runs } = parse(read(file));
  const lists: any[] = jobs ? Object.values(jobs) : [runs];
  return lists.flatMap(({ steps }) => steps.map((step: any) => ({ file, step })));
});

describe("the workflows", () => {
  it("call only targets of make that exist, and a fair number of them", () => {
    const targets = new Set(
      [...read("Makefile").matchAll(/^([a-z-]+):/gm)].map(([, name]) => name),
    );
    const called = STEPS.flatMap(({ step }) =>
      [...(step.run ?? "").matchAll(/\bmake (?:--silent )?([a-z-]+)/g)].map(([, name]) => name),
    );
    assert.ok(new Set(called).size > 10);
    for (const name of called) assert.ok(targets.has(name), name);
  });

  it("use actions by commit, with the version beside it, and the same one everywhere", () => {
    const pins = new Map<string, string>();
    for (const file of FILES)
      for (const [, uses] of read(file).matchAll(/\buses: (.*)/g)) {
        if (uses!.startsWith("./")) continue;
        const match = /^([\w-]+\/[\w-]+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)$/.exec(uses!);
        assert.ok(match, `${file}: ${uses}`);
        const [, action, pin] = match;
        assert.equal(pins.get(action!) ?? pin, pin, action);
        pins.set(action!, pin!);
      }
    assert.ok(pins.size >= 4);
  });

  it("use no action of others, and give it no input, that its stand-in in the test with act does not have", () => {
    for (const { file, step } of STEPS) {
      const [, name] = /^[\w-]+\/([\w-]+)@/.exec(step.uses ?? "") ?? [];
      if (!name) continue;
      const { inputs } = parse(read(`test/soak/workflows/actions/${name}/action.yml`));
      for (const input of Object.keys(step.with ?? {}))
        assert.ok(input in inputs, `${file}: ${input}`);
    }
  });

  it("give rights to each job alone, and end each job that hangs", () => {
    for (const file of WORKFLOWS) {
      assert.deepEqual(parse(read(file)).permissions, {}, file);
      for (const [name, job] of jobsOf(file)) {
        assert.ok(job.permissions, `${file}: ${name}`);
        assert.notEqual(job.permissions.contents, "write", `${file}: ${name}`);
        assert.ok(job["timeout-minutes"] <= 150, `${file}: ${name}`);
      }
    }
  });

  it("leave no token in the checkout, and put no text of others into a script", () => {
    for (const { file, step } of STEPS) {
      if (step.uses?.startsWith("actions/checkout@"))
        assert.equal(step.with["persist-credentials"], false, file);
      assert.doesNotMatch(step.run ?? "", /\$\{\{/, file);
    }
    for (const file of FILES) {
      assert.doesNotMatch(
        JSON.stringify(parse(read(file)).on ?? {}),
        /pull_request_target|workflow_run/,
      );
      assert.doesNotMatch(read(file), /secrets: inherit/);
    }
  });

  it("never run two deploys of a stage at once, nor cancel one", () => {
    const deploys = WORKFLOWS.flatMap(jobsOf).filter(([, { steps }]) =>
      steps.some(({ run = "" }: any) => /\bmake (up|promote|down)\b/.test(run)),
    );
    assert.equal(deploys.length, 4);
    for (const [, { concurrency, environment, strategy }] of deploys) {
      assert.equal(concurrency["cancel-in-progress"], false);
      assert.ok(concurrency.group && environment);
      assert.equal(strategy, undefined);
    }
  });

  it("use no secret, variable or environment that the documentation does not name", () => {
    const text = FILES.map(read).join("\n");
    const names = [
      ...[...text.matchAll(/\b(?:vars|secrets)\.(\w+)/g)].map(([, name]) => name),
      ...[...text.matchAll(/fromJSON\(inputs\.variables\)\.(\w+)/g)].map(([, name]) => name),
      ...WORKFLOWS.flatMap(jobsOf).flatMap(([, { environment = [], strategy }]) =>
        [environment]
          .flat()
          .flatMap((name: string) =>
            name.includes("matrix.stage")
              ? strategy.matrix.stage.map((stage: string) => name.replace(/\$\{\{.*?\}\}/, stage))
              : [name],
          ),
      ),
    ];
    assert.ok(names.length > 10);
    for (const name of names) assert.ok(DOCS.includes(`\`${name}\``), name);
    for (const file of WORKFLOWS) assert.ok(DOCS.includes(file.split("/").at(-1)!), file);
  });
});

describe("what the workflows pass on", () => {
  it("is each image as name and digest, and the revision", () => {
    const images = {
      backend: "ghcr.io/todo-app/backend@sha256:1f",
      frontend: "localhost:5000/frontend:tag",
    };
    assert.equal(
      imageLines(images, 12),
      "backend-name=ghcr.io/todo-app/backend\nbackend-digest=sha256:1f\n" +
        "frontend-name=localhost:5000/frontend\nfrontend-digest=\nrevision=12\n",
    );
    assert.equal(imageLines(undefined, 12), "");
    assert.doesNotMatch(imageLines(images, undefined), /revision/);
  });

  it("keeps a promotion to the revision that was approved", () => {
    const revision = { number: 12 } as Parameters<typeof refuseOther>[1];
    refuseOther("staging", revision, undefined);
    refuseOther("staging", revision, "12");
    assert.throws(
      () => refuseOther("staging", revision, "11"),
      /revision 11 of staging was approved, and staging runs revision 12 by now/,
    );
  });
});

describe("the stage of a pull request", () => {
  const place = { name: "pr-12", context: "previews", domain: "previews.example.com" };
  const stageOf = (stage: string, changes: object = {}) =>
    pullRequestStage({ ...parse(read(`Pulumi.${stage}.yaml`)).config, ...changes }, place);

  for (const stage of ["dev", "staging", "production"])
    it(`is valid when it is made from ${stage}, small, and protects nothing`, () => {
      const settings = stageOf(stage);
      assert.equal(settings["todo-app:kubernetesContext"], "previews");
      assert.equal(settings["todo-app:host"], "pr-12.previews.example.com");
      assert.deepEqual(settings["todo-app:database"], { mode: "in-cluster" });
      assert.deepEqual(settings["todo-app:backend"], { replicas: 1 });
      assert.equal(settings["todo-app:protectResources"], false);
      assert.ok(!DEFAULTS.protectedStages.includes(place.name));
    });

  it("takes over no secret, no pinned image and no Secret of another namespace", () => {
    const settings = stageOf("staging", {
      "todo-app:databaseUrl": { secure: "canary" },
      "todo-app:openaiApiKey": { secure: "canary" },
      "todo-app:registryPassword": { secure: "canary" },
      "todo-app:namespace": "canary",
      "todo-app:images": { registry: "ghcr.io", backend: "canary", pullSecretName: "canary" },
      "todo-app:tls": { issuer: "secret", secretName: "canary" },
    });
    assert.doesNotMatch(JSON.stringify(settings), /canary|secure/);
    assert.deepEqual(settings["todo-app:images"], { registry: "ghcr.io" });
    assert.deepEqual(settings["todo-app:tls"], { issuer: "none" });
  });

  it("keeps how images are pushed: its builds go to the same registry", () => {
    const images = { registry: "ghcr.io", immutableTags: true, cacheFrom: ["ghcr.io/a/b:cache"] };
    assert.deepEqual(stageOf("staging", { "todo-app:images": images })["todo-app:images"], images);
  });

  it("takes over the secrets provider, and not its key, which is that of another stack", () => {
    const folder = mkdtempSync(join(tmpdir(), "pr-stage-"));
    try {
      const keys = { secretsprovider: "awskms://alias/todo-app", encryptedkey: "canary" };
      const from = { ...parse(read("Pulumi.staging.yaml")), ...keys };
      writeFileSync(join(folder, "Pulumi.staging.yaml"), stringify(from));
      const line = [`${ROOT}/ops/pr-stage.ts`, "staging", "12", "previews", "previews.example.com"];
      const { stderr } = spawnSync(process.execPath, line, { cwd: folder, encoding: "utf8" });
      const written = readFileSync(join(folder, "Pulumi.pr-12.yaml"), "utf8");
      assert.equal(parse(written).secretsprovider, "awskms://alias/todo-app", stderr);
      assert.doesNotMatch(written, /canary/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is refused with a domain that is none, and says what is allowed", () => {
    assert.throws(
      () =>
        pullRequestStage(parse(read("Pulumi.staging.yaml")).config, { ...place, domain: "a b" }),
      /settings of pr-12 would be refused: host: allowed: a host name/,
    );
  });
});
