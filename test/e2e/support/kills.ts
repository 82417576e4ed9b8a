/** Commands that are killed, and what a stage must look like after the next command. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { callApi, signIn, signUp, type Account } from "./api.ts";
import { attempt, eventually, sh } from "./shell.ts";

/**
 * Kills the leader's process group, or its whole session. The session includes the plugins, which the engine starts in
 * process groups of their own.
 */
export async function killSession(leader: number, onlyGroup = false): Promise<void> {
  const members = onlyGroup ? `-${leader}` : `$(ps -o pid= -s ${leader})`;
  // Once more, for what was started after the list was made.
  await attempt(`for round in 1 2 3; do kill -9 -- ${members} || break; done`);
}

/** Stops all processes of a session where they are; they can still be killed. */
export async function freezeSession(leader: number): Promise<void> {
  await attempt(`kill -STOP -- $(ps -o pid= -s ${leader})`);
}

/** Starts `make` in a session of its own. */
export const startMake = (args: readonly string[], cwd: string): ChildProcess =>
  spawn("make", args, { cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] });

/**
 * Creates a task and returns a check that its user finds it. The session must have survived, unless the check is told that the
 * user signs in again.
 */
export async function createMarker(host: string): Promise<(again?: boolean) => Promise<void>> {
  const title = `Marker ${Date.now()}`;
  let account: Account;
  await eventually(30, async () => {
    account = await signUp(host);
    await callApi(account, "/api/tasks", { method: "POST", body: { title } });
  });
  return (again = false) =>
    eventually(30, async () => {
      if (again) account = await signIn(account);
      const tasks = JSON.stringify(await callApi(account, "/api/tasks"));
      assert.ok(tasks.includes(title), `${title} is served`);
    });
}

interface State {
  readonly resources?: readonly {
    readonly type: string;
    readonly inputs?: { readonly kind?: string; readonly metadata?: { readonly name?: string } };
  }[];
  readonly pending_operations?: readonly unknown[];
}

const stateOf = async (stage: string, cwd: string): Promise<State> =>
  (
    JSON.parse(await sh(`pulumi stack export --stack ${stage}`, { cwd })) as {
      readonly deployment: State;
    }
  ).deployment;

/**
 * Checks that nothing is unfinished, and that of each auto-named kind exactly the objects of the state exist: auto-naming could
 * have created some twice.
 */
export async function noOrphans(stage: string, cwd: string): Promise<void> {
  const [{ resources = [], pending_operations = [] }, found] = await Promise.all([
    stateOf(stage, cwd),
    sh(
      `kubectl --context minikube -n todo-app-${stage} get secrets,configmaps,jobs -l app.kubernetes.io/managed-by!=todo-app-ops ` +
        `-o jsonpath='{range .items[*]}{.kind} {.metadata.name}{"\\n"}{end}' | grep -v kube-root-ca.crt`,
    ),
  ]);
  assert.deepEqual(pending_operations, []);
  const known = resources
    .filter(({ type }) => /:(Secret|ConfigMap|Job)$/.test(type))
    .map(({ inputs }) => `${inputs?.kind} ${inputs?.metadata?.name}`);
  assert.deepEqual(found.split("\n").sort(), known.sort());
}

/** Checks that nothing is left of a stage that was removed, neither in the cluster nor in the state. */
export async function nothingIsLeft(stage: string, cwd: string): Promise<void> {
  const [{ resources = [], pending_operations = [] }, namespace] = await Promise.all([
    stateOf(stage, cwd),
    sh(
      `kubectl --context minikube get namespace todo-app-${stage} --ignore-not-found --output name`,
    ),
  ]);
  assert.deepEqual(
    { resources, pending_operations, namespace },
    { resources: [], pending_operations: [], namespace: "" },
  );
}

/** Removes a stage of a test, whatever state it is in. The stack of one that is removed already is all that is left. */
export const removeStage = (stage: string, cwd: string): Promise<string> =>
  sh(
    `pulumi stack rm --yes --stack ${stage} && exit; ` +
      `pulumi cancel --yes --stack ${stage}; pulumi state unprotect --all --yes --stack ${stage}; ` +
      `pulumi destroy --yes --skip-preview --stack ${stage} && pulumi stack rm --yes --stack ${stage}`,
    { cwd },
  );
