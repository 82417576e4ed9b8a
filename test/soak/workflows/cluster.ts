/** What the pipeline may do in the local cluster, set up as `docs/pipelines.md` says. */
import { writeFileSync } from "node:fs";
import { stringify } from "yaml";
import { attempt, kubectlIn, sh } from "../../e2e/support/shell.ts";
import { namespaceOf } from "./repository.ts";

const ADMIN = "kubectl --context minikube";
const ACCOUNTS = "todo-app-deployer";
const PREVIEWS = "workflows-previews";
export const STAGES = ["staging", "production"];
/** The contexts of the pipeline's kubeconfig, each with the ServiceAccount that stands for the user of it. */
const USERS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(STAGES.map((stage) => [stage, namespaceOf(stage)])),
  previews: PREVIEWS,
};
/** For backups and the drill, and for the smoke test with accounts. */
const MORE_RULES = [
  {
    apiGroups: ["batch"],
    resources: ["cronjobs"],
    verbs: ["create", "delete", "get", "list", "patch", "watch"],
  },
  { apiGroups: [""], resources: ["pods/exec"], verbs: ["create"] },
];

const rights = (stage: string) =>
  `sed s/todo-app-staging/${namespaceOf(stage)}/g docs/deployer-rbac.yaml`;

/** Gives the pipeline the rights of `docs/deployer-rbac.yaml` in the stages, and a cluster for pull requests. */
export async function grantRights(): Promise<void> {
  const patch = JSON.stringify(MORE_RULES.map((value) => ({ op: "add", path: "/rules/-", value })));
  for (const stage of STAGES) {
    await sh(`${rights(stage)} | ${ADMIN} apply -f -`);
    await kubectlIn(namespaceOf(stage))(
      `patch role todo-app-deployer --type json --patch '${patch}'`,
    );
  }
  await sh(`${ADMIN} --namespace ${ACCOUNTS} create serviceaccount ${PREVIEWS}`);
  const subject = `--serviceaccount ${ACCOUNTS}:${PREVIEWS}`;
  await sh(`${ADMIN} create clusterrolebinding ${PREVIEWS} --clusterrole cluster-admin ${subject}`);
}

/** Removes the stages, whatever state they are in, and the rights. */
export async function cleanUp(pullRequest: string): Promise<void> {
  const namespaces = [...STAGES.map(namespaceOf), `todo-app-${pullRequest}`, ACCOUNTS].join(" ");
  await attempt(`${ADMIN} delete clusterrolebinding ${PREVIEWS} --ignore-not-found`);
  for (const stage of STAGES)
    await attempt(`${rights(stage)} | ${ADMIN} delete --ignore-not-found --wait=false -f -`);
  await attempt(`${ADMIN} delete namespaces ${namespaces} --ignore-not-found`);
}

/** A token for each audience that the kubeconfig names. */
export async function tokens(): Promise<Readonly<Record<string, string>>> {
  const entries = Object.entries(USERS).map(async ([context, account]) => [
    context,
    await sh(`${ADMIN} --namespace ${ACCOUNTS} create token ${account} --duration 1h`),
  ]);
  return Object.fromEntries(await Promise.all(entries));
}

/** The kubeconfig of the pipeline, for a cluster that trusts the tokens of GitHub. */
export async function pipelineKubeconfig(): Promise<string> {
  const view = JSON.parse(await sh(`${ADMIN} config view --raw --flatten --minify --output json`));
  const cluster = view.clusters[0].name as string;
  const exec = (audience: string) => ({
    apiVersion: "client.authentication.k8s.io/v1",
    command: "./ops/lib/login/githubToken.ts",
    args: [audience],
    interactiveMode: "Never",
  });
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: view.clusters,
    contexts: Object.keys(USERS).map((name) => ({ name, context: { cluster, user: name } })),
    users: Object.keys(USERS).map((name) => ({ name, user: { exec: exec(name) } })),
  });
}

/** Writes the kubeconfig of the administrator, who has the same contexts. */
export async function writeAdminKubeconfig(file: string): Promise<void> {
  writeFileSync(file, await sh(`${ADMIN} config view --raw --flatten`), { mode: 0o600 });
}
