/** The tests create, change and delete: never on a cluster that somebody else made, nor in the state of a real stage. */
import { homedir } from "node:os";
import { join } from "node:path";

type Environment = Record<string, string | undefined>;

/** Leads whatever is started to the cluster of `local/`, whatever clusters this machine knows and whatever make was told. */
export function confineToLocalCluster(env: Environment): void {
  Object.assign(env, { CLUSTER: "local", YES: "1" }); // nobody is there to answer questions
  // By these, variables of `make test CLUSTER=…` would win over the environment in every make that a test runs.
  delete env.MAKEFLAGS;
  delete env.MFLAGS;
  delete env.MAKELEVEL;
}

/** @throws Error unless kubectl, make and the engine lead to the cluster of `local/` and to its state */
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
