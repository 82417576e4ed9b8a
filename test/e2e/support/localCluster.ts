/** The tests create, change and delete: never on a cluster that somebody else made. */
import { homedir } from "node:os";
import { join } from "node:path";

/** @throws Error unless kubectl, make and the engine lead to the cluster of local/ */
export function requireLocalCluster({ KUBECONFIG, CLUSTER, XDG_STATE_HOME } = process.env): void {
  const own = join(XDG_STATE_HOME ?? join(homedir(), ".local/state"), "todo-app/kubeconfig");
  if (KUBECONFIG === own && CLUSTER === "local") return;
  throw new Error(
    `these tests run on the local cluster only, not on that of ${KUBECONFIG ?? "~/.kube/config"}; ` +
      'first: export CLUSTER=local YES=1; eval "$(local/env)"',
  );
}
