/**
 * The files of `.github/workflows`, run by act: each job in a fresh checkout, with steps that are processes of this machine.
 *
 * Real are the workflows with their conditions, matrices and outputs between jobs, the action that logs in, every command of a step,
 * the builds, and two stages of their own in the local cluster, which the jobs reach by a kubeconfig without credentials, with the
 * rights of `docs/deployer-rbac.yaml`.
 *
 * Stand-ins are
 * - the API of GitHub for comments and issues (`FakeGithub`), and its service for identities (`workflows/identity.ts`): the tokens are
 *   those of ServiceAccounts;
 * - every action of others (`workflows/actions`): checkout fetches from a repository of this machine, attestations and the scan note what
 *   they were called with, and nothing logs in to Amazon;
 * - the approval: act knows no environments, so production follows at once, and each job has the same variables and secrets. Nor does
 *   it know permissions, concurrency and schedules.
 *
 * The repository differs from the project in the stage files, and in base images without digests. Of `checks.yml`, only the unit tests
 * run; of `test.yml`, nothing does: both are gone through without running a step.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMarker } from "../e2e/support/kills.ts";
import { attempt, eventually, kubectlIn, sh } from "../e2e/support/shell.ts";
import { FakeGithub } from "../unit/support/fakeGithub.ts";
import { WORKFLOWS, act, plans, succeeds, type Place } from "./workflows/act.ts";
import {
  STAGES,
  cleanUp,
  grantRights,
  pipelineKubeconfig,
  tokens,
  writeAdminKubeconfig,
} from "./workflows/cluster.ts";
import { Identity } from "./workflows/identity.ts";
import {
  PUSH,
  REPOSITORY,
  SCHEDULE,
  makeRepository,
  namespaceOf,
  pullRequest,
  type Repository,
} from "./workflows/repository.ts";

/** The pull request that changes nothing of the project, and the one for the pipeline. */
const [UNCHANGED, NUMBER] = [11, 12];
const PASSPHRASE = "of-the-workflows";
const DOMAIN = "todo-app.local";
/** The file that says what the API is called, which the smoke test looks at. */
const API = "app/backend/app/main.py";
const DEPLOY = { workflow: "deploy.yml", event: "push", payload: PUSH };
const PREVIEWS = ["Preview of staging-1", "Preview of production-2"];
const staging = kubectlIn(namespaceOf("staging"));

const imagesOf = (stage: string) =>
  kubectlIn(namespaceOf(stage))(
    "get deployments backend frontend -o jsonpath='{..containers[0].image}'",
  );

describe("the workflows, run by act,", () => {
  const github = new FakeGithub();
  let folder: string;
  const identity = new Identity();
  let repository: Repository;
  let place: Place;
  /** The environment of a job without `id-token: write`, which has no identity. */
  let withoutIdentity: Place["env"];
  /** Where the stand-ins of actions note how they were called. */
  let calls: string;

  /** Runs make for a stage as the administrator, in the repository. */
  const make = (target: string, stage: string) =>
    sh(`make ${target} STAGE=${stage}`, {
      cwd: repository.cwd,
      env: {
        CLUSTER: "context",
        KUBECONFIG: join(folder, "admin.kubeconfig"),
        PULUMI_BACKEND_URL: place.vars.PULUMI_BACKEND_URL!,
        PULUMI_CONFIG_PASSPHRASE: PASSPHRASE,
      },
    });
  const change = async (file: string, from: string, to: string) => {
    const path = join(repository.cwd, file);
    const text = readFileSync(path, "utf8");
    assert.ok(text.includes(from), `${file} has no ${from}`);
    writeFileSync(path, text.replace(from, to));
    await repository.commit(`Change ${file}`);
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "todo-app-workflows-"));
    mkdirSync(join(folder, "state"));
    calls = join(folder, "calls");
    writeFileSync(calls, "");
    await writeAdminKubeconfig(join(folder, "admin.kubeconfig"));
    repository = await makeRepository();
    await repository.propose(UNCHANGED);
    repository.setUp();
    await github.start();
    await identity.start();
    withoutIdentity = {
      CALLS: calls,
      GITHUB_API_URL: github.repository.api,
      GITHUB_REPOSITORY: REPOSITORY,
      ORIGIN: repository.cwd,
    };
    place = {
      repository: repository.cwd,
      folder,
      vars: {
        DEPLOY: "true",
        KUBECONFIG: await pipelineKubeconfig(),
        PR_CONTEXT: "previews",
        PR_DOMAIN: DOMAIN,
        PULUMI_BACKEND_URL: `file://${folder}/state?metadata=skip`,
      },
      secrets: { GITHUB_TOKEN: github.repository.token, PULUMI_CONFIG_PASSPHRASE: PASSPHRASE },
      env: { ...withoutIdentity, ...identity.env },
    };
    // The first deploy of each stage, which writes into its file how secrets are encrypted.
    for (const stage of STAGES) await make("up", stage);
    await repository.commit("The stages");
    await grantRights();
    identity.tokens = await tokens();
  });
  after(async () => {
    await cleanUp(`pr-${NUMBER}`);
    await github.stop();
    await identity.stop();
    rmSync(repository.cwd, { recursive: true });
    rmSync(folder, { recursive: true });
  });

  it("are gone through from the first step to the last", async () => {
    const labeled = pullRequest(NUMBER, "labeled");
    const changed = pullRequest(NUMBER, "synchronize");
    const planned: Readonly<Record<string, readonly [string, object, readonly string[]]>> = {
      "checks.yml": [
        "pull_request",
        changed,
        ["Style, types, workflows", "Unit tests, golden files", "Known vulnerabilities"],
      ],
      "deploy.yml": [
        "push",
        PUSH,
        [
          "Deploy to staging",
          "Vulnerabilities of the images-1",
          "Vulnerabilities of the images-2",
          "Promote to production",
        ],
      ],
      "nightly.yml": [
        "schedule",
        SCHEDULE,
        ["Drift and restore drill of staging-1", "Drift and restore drill of production-2"],
      ],
      "pr-environment.yml": ["pull_request", labeled, ["Deploy"]],
      "preview.yml": ["pull_request", changed, PREVIEWS],
      "test.yml": ["schedule", SCHEDULE, ["make test"]],
    };
    assert.deepEqual(readdirSync(join(place.repository, WORKFLOWS)).sort(), Object.keys(planned));
    const withRunner = { ...place, vars: { ...place.vars, TEST_RUNNER: "runner" } };
    for (const [workflow, [event, payload, jobs]] of Object.entries(planned))
      await plans(withRunner, { workflow, event, payload }, jobs);
  });

  it("check a change by the unit tests", async () => {
    const payload = pullRequest(UNCHANGED, "opened");
    const run = { workflow: "checks.yml", event: "pull_request", payload, only: "--job unit" };
    await succeeds({ ...place, env: withoutIdentity }, run, ["Unit tests, golden files"]);
  });

  it("preview a pull request in one comment for each stage, which is updated", async () => {
    await change("Pulumi.staging.yaml", "replicas: 1", "replicas: 2");
    await repository.propose(NUMBER);
    const run = {
      workflow: "preview.yml",
      event: "pull_request",
      payload: pullRequest(NUMBER, "opened"),
    };
    await succeeds(place, run, PREVIEWS);
    const commentOn = (stage: string) => {
      const found = github.comments.filter(({ body }) =>
        body.startsWith(`<!-- todo-app preview: ${stage} -->`),
      );
      assert.equal(found.length, 1, `${found.length} comments on ${stage}`);
      return found[0]!;
    };
    const first = commentOn("staging");
    commentOn("production");
    assert.match(first.body, /replicas/);

    await change("Pulumi.staging.yaml", "replicas: 2", "replicas: 1");
    await repository.propose(NUMBER);
    await succeeds(place, { ...run, only: "--matrix stage:staging" }, ["Preview of staging"]);
    const second = commentOn("staging");
    assert.equal(second.id, first.id);
    assert.notEqual(second.body, first.body);
    assert.equal(github.comments.length, 2);
  });

  it("give a fork a notice, and nothing else", async () => {
    const { calls } = github;
    const before = [calls.length, identity.audiences.length];
    const payload = pullRequest(NUMBER, "opened", "someone/todo-app");
    const run = { workflow: "preview.yml", event: "pull_request", payload };
    assert.match(
      await succeeds(place, run, ["No preview for a fork"]),
      /A fork gets no secrets\. Push the branch/,
    );
    assert.deepEqual([calls.length, identity.audiences.length], before);
  });

  it("give a pull request with the label an environment, and remove it in the end", async () => {
    const run = { workflow: "pr-environment.yml", event: "pull_request" };
    await succeeds(place, { ...run, payload: pullRequest(NUMBER, "labeled") }, ["Deploy"]);
    const comment = `This branch runs at pr-${NUMBER}.${DOMAIN}.`;
    assert.equal(github.comments.filter(({ body }) => body.includes(comment)).length, 1);
    await (
      await createMarker(`pr-${NUMBER}.${DOMAIN}`)
    )();

    await succeeds(place, { ...run, payload: pullRequest(NUMBER, "closed") }, ["Remove"]);
    await eventually(30, async () => {
      const { output } = await attempt(
        `kubectl --context minikube get namespace todo-app-pr-${NUMBER}`,
      );
      assert.match(output, /not found/);
    });
  });

  it("take back a merge that fails its smoke test, and go no further", async () => {
    const before = await imagesOf("staging");
    await change(API, 'title="Todo API"', 'title="Another API"');
    const { jobs, log } = await act(place, DEPLOY);
    assert.deepEqual(jobs, { "Deploy to staging": "failure" }, log);
    assert.match(log, /^not ok - api: [^]*staging runs revision 1 again/m);
    assert.equal(await imagesOf("staging"), before);
    assert.equal(readFileSync(calls, "utf8"), "");
  });

  it("deploy a merge to staging, attest what was built, scan it, and promote it to production", async () => {
    const before = await imagesOf("staging");
    await change(API, 'title="Another API"', 'title="Todo API", description="Merged"');
    await succeeds(place, DEPLOY, [
      "Deploy to staging",
      "Vulnerabilities of the images-1",
      "Vulnerabilities of the images-2",
      "Promote to production",
    ]);
    const after = await imagesOf("staging");
    const images = after.split(" ");
    const built = images.filter((image) => !before.includes(image));
    assert.ok(
      built.some((image) => image.includes("/backend@")),
      after,
    );
    const expected = [
      ...built.flatMap((image) => {
        const sbom = `sbom/${/(\w+)@/.exec(image)![1]}.cdx.json`;
        return [`attest ${image} provenance`, `attest ${image} ${sbom}`];
      }),
      ...images.map((image) => `scan ${image} HIGH,CRITICAL 1`),
    ];
    assert.deepEqual(readFileSync(calls, "utf8").trim().split("\n").sort(), expected.sort());
    assert.equal(await imagesOf("production"), after);
  });

  it("open an issue for drift and for a missing backup, and close it once both are right", async () => {
    const run = { workflow: "nightly.yml", event: "schedule", payload: SCHEDULE };
    await staging("scale deployment backend --replicas 2");
    const found = await act(place, run);
    assert.notEqual(found.code, 0, found.log);
    const [issue, ...others] = github.issues;
    assert.deepEqual(others, [], found.log);
    assert.match(issue?.body ?? found.log, /of `staging`: drift, restore drill/);
    assert.match(issue!.body!, /Deployment backend/);
    assert.match(found.log, /no issue was open/, "production is all right");

    await make("heal", "staging");
    await make("backup", "staging");
    await succeeds(place, { ...run, only: "--matrix stage:staging" }, [
      "Drift and restore drill of staging",
    ]);
    assert.deepEqual(
      github.issues.map(({ state }) => state),
      ["closed"],
    );
    assert.match(github.comments.at(-1)!.body, /can be restored/);
  });
});
