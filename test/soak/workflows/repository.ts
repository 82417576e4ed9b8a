/** The repository whose workflows are run, in the place of the one on GitHub. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { makeCheckout, sh } from "../../e2e/support/shell.ts";

export const REPOSITORY = "acme/todo-app";
const AUTHOR = "-c user.name=Ana -c user.email=ana@example.com";

/** The stages of the pipeline. Their stacks are named as those that the workflows deploy, and share nothing with them. */
export const namespaceOf = (stage: string) => `todo-app-workflows-${stage}`;
const hostOf = (stage: string) => `workflows-${stage}.todo-app.local`;

/** Small, and with what staging and production decide by themselves. */
const CHANGES: Readonly<Record<string, object>> = {
  staging: { "todo-app:backup": { enabled: true, storage: "1Gi" } },
  production: { "todo-app:protectResources": true },
};

function writeStageFiles(cwd: string): void {
  const { config } = parse(readFileSync(join(cwd, "Pulumi.dev.yaml"), "utf8"));
  for (const [stage, changes] of Object.entries(CHANGES)) {
    const values = {
      ...config,
      "todo-app:kubernetesContext": stage,
      "todo-app:namespace": namespaceOf(stage),
      "todo-app:automaticRollback": true,
      "todo-app:host": hostOf(stage),
      "todo-app:images": { ...config["todo-app:images"], repository: "workflows" },
      "todo-app:backend": { replicas: 1 },
      "todo-app:frontend": { replicas: 1 },
      ...changes,
    };
    writeFileSync(join(cwd, `Pulumi.${stage}.yaml`), stringify({ config: values }));
  }
}

/** The base images of the local cluster may be stand-ins, which have other digests than the official ones. */
function leaveOutDigests(cwd: string): void {
  const file = join(cwd, "config/pins.json");
  const pins = JSON.parse(readFileSync(file, "utf8"));
  for (const image of Object.values<{ digest?: string }>(pins.images)) delete image.digest;
  writeFileSync(file, JSON.stringify(pins, null, 2));
}

/** A repository with the working tree of the project. */
export async function makeRepository() {
  const cwd = await makeCheckout();
  const git = (args: string) => sh(`git ${AUTHOR} ${args}`, { cwd });
  const commit = (message: string) => git(`commit --quiet --all --message "${message}"`);
  await git("init --quiet --initial-branch main");
  // What makeCheckout links to is no part of it.
  writeFileSync(join(cwd, ".git/info/exclude"), "node_modules\n");
  await git("add .");
  await commit("The project");
  return {
    cwd,
    /** Changes the files of main as the set-up of a pipeline does; `commit` completes that. */
    setUp: () => {
      writeStageFiles(cwd);
      leaveOutDigests(cwd);
    },
    commit,
    /** Makes a branch of main the one of a pull request. */
    propose: (number: number) => git(`update-ref refs/pull/${number}/merge HEAD`),
  };
}
export type Repository = Awaited<ReturnType<typeof makeRepository>>;

/** What GitHub says of an event of a pull request. @param from the repository of its branch @default this one */
export const pullRequest = (number: number, action: string, from = REPOSITORY) => ({
  action,
  number,
  label: { name: "environment" },
  repository: { full_name: REPOSITORY, default_branch: "main" },
  pull_request: {
    number,
    base: { ref: "main" },
    head: { ref: "change", repo: { full_name: from } },
    labels: [{ name: "environment" }],
    user: { login: "ana" },
  },
});

/** What GitHub says of a push to main. */
export const PUSH = { ref: "refs/heads/main", repository: { full_name: REPOSITORY } };
/** What GitHub says at the time of a schedule. */
export const SCHEDULE = { repository: { full_name: REPOSITORY, default_branch: "main" } };
