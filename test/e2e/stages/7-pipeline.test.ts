/**
 * A change from its pull request to production, by the commands of .github/workflows: preview as a comment, deploy to staging,
 * promotion, and the environment of the pull request with its end. Each job has what docs/pipelines.md gives it: a deployer with a
 * token that ends by itself, and credentials of a session for the state.
 *
 * The state is in a bucket of S3, which refuses every request without the token of the session, as a cloud gives it for GitHub's
 * token. It stands for Pulumi Cloud too, whose token the commands pass on in the same way: that service can't be had here.
 */
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FakeGithub } from "../../unit/support/fakeGithub.ts";
import { send } from "../support/api.ts";
import { blocksBelow } from "../../unit/support/documentedCommands.ts";
import { workflowStep } from "../support/workflows.ts";
import { attempt, eventually, sh } from "../support/shell.ts";
import { DOMAIN, Pipeline, STAGES, anotherRelease, namespaceOf, type Images } from "./pipeline.ts";

const NUMBER = "4712";
const PULL_REQUEST = `pr-${NUMBER}`;
const [RIGHTS, TOKEN] = blocksBelow("docs/pipelines.md", "The deployer of a pipeline");
/** The line that applies the rights for another stage than todo-app-staging. */
const APPLY = /^sed .* apply -f -/m.exec(RIGHTS!.text)![0];
/** What the table below these commands adds for a smoke test with accounts. */
const EXEC = { apiGroups: [""], resources: ["pods/exec"], verbs: ["create"] };

const inNamespace = (stage: string) =>
  `kubectl --context ${stage} --namespace ${namespaceOf(stage)}`;
const imageOf = (stage: string) =>
  sh(
    `${inNamespace(stage)} get deployment backend -o jsonpath='{.spec.template.spec.containers[0].image}'`,
  );

describe("a pipeline", () => {
  const github = new FakeGithub();
  const pipeline = new Pipeline();
  let images: Images;
  let release: Images;
  const kubeconfigOf = (stage: string) => join(pipeline.cwd, `${stage}.kubeconfig`);

  const applyRights = (stage: string) =>
    APPLY.replaceAll("todo-app-production", namespaceOf(stage)).replace(
      "--context production",
      `--context ${stage}`,
    );
  /** Gives a stage its deployer, and writes the kubeconfig of its jobs. */
  async function createDeployer(stage: string): Promise<void> {
    await pipeline.run(applyRights(stage));
    const patch = JSON.stringify([{ op: "add", path: "/rules/-", value: EXEC }]);
    await sh(`${inNamespace(stage)} patch role todo-app-deployer --type json --patch '${patch}'`);
    const lines = TOKEN!.text
      .replace(/^make up .*\n/m, "")
      .replaceAll(/(todo-app-)?staging/g, (_, whole) => (whole ? namespaceOf(stage) : stage))
      .replaceAll("deployer.kubeconfig", `${stage}.kubeconfig`);
    await pipeline.run(lines);
    const mayGet = `${inNamespace(stage)} auth can-i get secrets`;
    const env = { KUBECONFIG: kubeconfigOf(stage) };
    await eventually(10, async () => assert.equal(await pipeline.run(mayGet, env), "yes"));
  }
  /** The job of production also reads which revision staging runs. */
  async function letProductionReadStaging(): Promise<void> {
    const account = `todo-app-deployer:${namespaceOf("production")}`;
    await sh(`${inNamespace("staging")} create role promotion --verb list --resource secrets`);
    await sh(
      `${inNamespace("staging")} create rolebinding promotion --role promotion --serviceaccount ${account}`,
    );
    await pipeline.run(
      `cluster=$(kubectl config view -o jsonpath='{.clusters[0].name}'); kubectl config set-context staging --cluster "$cluster" --user deployer`,
      { KUBECONFIG: kubeconfigOf("production") },
    );
  }

  before(async () => {
    images = JSON.parse(await sh("pulumi stack output images --json --stack staging")) as Images;
    release = await anotherRelease(images);
    await github.start();
    await pipeline.start();
    for (const stage of STAGES) pipeline.writeStage(stage, images);
    // The first deploy is an administrator's.
    await Promise.all(STAGES.map((stage) => pipeline.run(`make up STAGE=${stage}`)));
    for (const stage of STAGES) await createDeployer(stage);
    await letProductionReadStaging();
  });
  after(async () => {
    await github.stop();
    if (!pipeline.cwd) return;
    await pipeline.attempt("pulumi state unprotect --all --yes --stack production");
    const stages = [...STAGES, PULL_REQUEST];
    await Promise.all(
      stages.map((stage) => pipeline.attempt(`make down STAGE=${stage} ARGS=--remove`)),
    );
    for (const stage of STAGES) {
      await pipeline.attempt(
        applyRights(stage).replace(/apply -f -$/, "delete --ignore-not-found -f -"),
      );
      await attempt(
        `kubectl --context ${stage} delete namespace ${namespaceOf(stage)} --ignore-not-found`,
      );
    }
    await pipeline.remove();
  });

  /** Runs a step of a job as the deployer of a stage. */
  const job = (stage: string, command: string, env: Readonly<Record<string, string>> = {}) =>
    pipeline.run(command, { STAGE: stage, KUBECONFIG: kubeconfigOf(stage), ...env });
  const githubEnv = () => {
    const { repository, api, token } = github.repository;
    return { GITHUB_REPOSITORY: repository, GITHUB_API_URL: api, GITHUB_TOKEN: token, NUMBER };
  };
  /** What a stage runs, as the steps of the workflow pass it on. */
  async function outputs(begin: string): Promise<Record<string, string>> {
    const file = join(pipeline.cwd, "outputs");
    rmSync(file, { force: true });
    await job("staging", workflowStep("deploy.yml", "staging", begin), { GITHUB_OUTPUT: file });
    const lines = readFileSync(file, "utf8").trim().split("\n");
    return Object.fromEntries(lines.map((line) => line.split("=", 2) as [string, string]));
  }

  it("has no state without the token of its session", async () => {
    const { code, output } = await pipeline.attempt("pulumi stack ls", {
      AWS_SESSION_TOKEN: "ended",
    });
    assert.notEqual(code, 0);
    assert.match(output, /InvalidToken/);
  });

  it("says in one comment what a branch changes, and updates it", async () => {
    const preview = async () => {
      await job("staging", workflowStep("preview.yml", "preview", "Preview"));
      return job("staging", workflowStep("preview.yml", "preview", "Comment"), githubEnv());
    };
    assert.match(await preview(), /^created /m);
    assert.match(github.comments[0]!.body, /### Preview of `staging`: nothing changes in \d+ /);

    pipeline.writeStage("staging", release);
    assert.match(await preview(), /^updated /m);
    const [comment, ...others] = github.comments;
    assert.deepEqual(others, []);
    assert.match(comment!.body, /### Preview of `staging`: .*\d+ to update/);
    const [before, after] = [images, release].map(({ backend }) => backend!.split("@")[1]!);
    assert.match(comment!.body, new RegExp(`@${before}\` → .*@${after}\``));
    assert.equal(await imageOf("staging"), images.backend);
  });

  it("deploys it to staging, and promotes the revision that it has tested there", async () => {
    const before = await outputs("What staging runs before");
    await job("staging", workflowStep("deploy.yml", "staging", "Deploy and smoke test"));
    const after = await outputs("What staging runs now");
    assert.equal(`${after["backend-name"]}@${after["backend-digest"]}`, release.backend);
    assert.equal(Number(after.revision), Number(before.revision) + 1);
    assert.equal(await imageOf("staging"), release.backend);
    assert.equal(await imageOf("production"), images.backend);

    const promote = workflowStep("deploy.yml", "production", "Promote and smoke test");
    const output = await job("production", promote, { REVISION: after.revision! });
    assert.match(
      output,
      new RegExp(`^ *production gets the images of staging, revision ${after.revision} `, "m"),
    );
    assert.equal(await imageOf("production"), release.backend);
  });

  it("gives the pull request an environment, and removes it at its end", async () => {
    const env = { ...githubEnv(), STAGE: PULL_REQUEST, CONTEXT: "minikube", DOMAIN };
    const step = (of: string, begin: string) =>
      pipeline.run(workflowStep("pr-environment.yml", of, begin), env);
    await step("up", "make pr-stage");
    pipeline.withoutBuild(PULL_REQUEST, images);
    await step("up", "Deploy");
    await step("up", "Comment");
    assert.match(github.comments.at(-1)!.body, new RegExp(`runs at ${PULL_REQUEST}\\.${DOMAIN}`));
    await eventually(30, async () =>
      assert.equal((await send(`${PULL_REQUEST}.${DOMAIN}`, "/sign-in")).status, 200),
    );

    // Another runner removes it.
    rmSync(join(pipeline.cwd, `Pulumi.${PULL_REQUEST}.yaml`));
    await step("down", "make pr-stage");
    await step("down", "Remove");
    await eventually(30, async () => {
      const { output } = await attempt(
        `kubectl --context minikube get namespace todo-app-${PULL_REQUEST}`,
      );
      assert.match(output, /not found/);
    });
    const stacks = JSON.parse(await pipeline.run("pulumi stack ls --json 2>/dev/null")) as {
      readonly name: string;
    }[];
    assert.deepEqual(stacks.map(({ name }) => name.split("/").at(-1)).sort(), [
      "production",
      "staging",
    ]);
  });
});
