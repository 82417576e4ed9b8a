/**
 * Confines the tests, which create, change and delete objects, to the local cluster: never to somebody's own cluster,
 * nor to the state of a real stage.
 */
import { homedir } from "node:os";
import { join } from "node:path";

type Environment = Record<string, string | undefined>;

/**
 * Points every command that is started to the cluster of `local/`, whichever contexts this machine has and whatever was
 * given to make.
 */
export function confineToLocalCluster(env: Environment): void {
  Object.assign(env, { CLUSTER: "local", YES: "1" }); // nobody is there to answer questions
  // These would pass variables of `make test CLUSTER=…` to every make that a test runs, where they win over the
  // environment.
  delete env.MAKEFLAGS;
  delete env.MFLAGS;
  delete env.MAKELEVEL;
}

/**
 * Checks where kubectl, make and the engine point to.
 *
 * @throws Error unless that is the cluster of `local/` and its state
 */
export function requireLocalCluster(env: Environment = process.env): void {
  const state = join(env.XDG_STATE_HOME || join(homedir(), ".local/state"), "todo-app");
  const problem =
    (env.CLUSTER !== "local" && `CLUSTER=${env.CLUSTER ?? ""}`) ||
    (env.KUBECONFIG !== join(state, "kubeconfig") && `KUBECONFIG=${env.KUBECONFIG ?? ""}`) ||
    (!env.PULUMI_BACKEND_URL?.startsWith(`file://${state}/pulumi?`) &&
      `PULUMI_BACKEND_URL=${env.PULUMI_BACKEND_URL ?? ""}`);
  if (problem)
    throw new Error(
      `these tests run on the local cluster only, and ${problem} may lead to another; ` +
        'first: export CLUSTER=local YES=1; eval "$(local/env)"',
    );
}
