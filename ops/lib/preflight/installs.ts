/** Commands that install what a stage needs of its cluster. */
import type { PinnedManifest } from "../../../config/pins.ts";
import type { Cluster } from "./clusterApi.ts";
import { kubectl, word } from "./findings.ts";

/** Checked against its hash on the way. CRDs are too large for what a client-side apply notes beside them. */
export const apply = (cluster: Cluster, manifest: PinnedManifest) =>
  `make --silent manifest NAME=${manifest} | ${kubectl(cluster, "apply --server-side -f -")}`;

/** A release of a Helm chart, with `key=value` settings. */
export const helm = (
  { context }: Cluster,
  release: string,
  namespace: string,
  settings: string[],
) =>
  [
    `helm --kube-context ${word(context)} upgrade --install ${release} --namespace ${namespace} --create-namespace`,
    ...settings,
  ].join(" --set ");

/** The command that installs an add-on which the local cluster and, where it has one of that name, Minikube bring along. */
export function addon(cluster: Cluster, minikube: string | undefined, elsewhere: string): string {
  const state = process.env.XDG_STATE_HOME ?? "~/.local/state";
  if (cluster.kind === "local")
    return `rm ${state}/todo-app/cluster/applied && make cluster, which applies the local cluster's add-ons again`;
  return cluster.kind === "minikube" && minikube ? `minikube addons enable ${minikube}` : elsewhere;
}
