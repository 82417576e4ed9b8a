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
  await attempt(`kill -9 -- ${members}`);
}

/** Stops all processes of a session where they are; they can still be killed. */
export async function freezeSession(leader: number): Promise<void> {
  await attempt(`kill -STOP -- $(ps -o pid= -s ${leader})`);
}

/** Starts `make` in a session of its own. */
export const startMake = (args: readonly string[], cwd: string): ChildProcess =>
  spawn("make", args, { cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] });

/**
 * Creates a task and returns a check that its user finds it.
 *
 * @param again whether the user signs in again first @default the session must have survived
 */
export async function createMarker(host: string, again = false): Promise<() => Promise<void>> {
  const title = `Marker ${Date.now()}`;
  let account: Account;
  await eventually(30, async () => {
    account = await signUp(host);
    await callApi(account, "/api/tasks", { method: "POST", body: { title } });
  });
  return () =>
    eventually(30, async () => {
      if (again) account = await signIn(account);
      const tasks = JSON.stringify(await callApi(account, "/api/tasks"));
      assert.ok(tasks.includes(title), `${title} is served`);
    });
}

/**
 * Checks that nothing is unfinished, and that of each auto-named kind exactly the objects of the state exist: auto-naming could
 * have created some twice.
 */
export async function noOrphans(stage: string, cwd: string): Promise<void> {
  const state = JSON.parse(await sh(`pulumi stack export --stack ${stage}`, { cwd })) as {
    deployment: {
      resources: { type: string; inputs?: { kind?: string; metadata?: { name?: string } } }[];
      pending_operations?: unknown[];
    };
  };
  assert.deepEqual(state.deployment.pending_operations ?? [], []);
  const known = state.deployment.resources
    .filter(({ type }) => /:(Secret|ConfigMap|Job)$/.test(type))
    .map(({ inputs }) => `${inputs?.kind} ${inputs?.metadata?.name}`);
  const found = await sh(
    `kubectl --context minikube -n todo-app-${stage} get secrets,configmaps,jobs -l app.kubernetes.io/managed-by!=todo-app-ops ` +
      `-o jsonpath='{range .items[*]}{.kind} {.metadata.name}{"\\n"}{end}' | grep -v kube-root-ca.crt`,
  );
  assert.deepEqual(found.split("\n").sort(), known.sort());
}

/** Removes a stage of a test, whatever state it is in. */
export const removeStage = (stage: string, cwd: string): Promise<string> =>
  sh(
    `pulumi cancel --yes --stack ${stage}; pulumi state unprotect --all --yes --stack ${stage}; ` +
      `pulumi destroy --yes --skip-preview --stack ${stage} && pulumi stack rm --yes --stack ${stage}`,
    { cwd },
  );
