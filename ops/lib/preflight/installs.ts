/** Commands that install what a stage needs of its cluster. */
import type { PinnedManifest } from "../../../config/pins.ts";
import type { Cluster } from "./clusterApi.ts";
import { kubectl, word } from "./findings.ts";

/**
 * Applies a manifest, after its hash was checked. On the server's side, because a client-side apply writes a copy into an
 * annotation, and CRDs are too large for that.
 */
export const apply = (cluster: Cluster, manifest: PinnedManifest) =>
  `make --silent manifest NAME=${manifest} | ${kubectl(cluster, "apply --server-side -f -")}`;

/** Installs a release of a Helm chart, with settings as `key=value`. */
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

/** A command of Minikube for this cluster, such as `minikube addons enable ingress`. */
export const minikube = ({ profile = "minikube" }: Cluster, command: string) =>
  profile === "minikube" ? `minikube ${command}` : `minikube --profile ${word(profile)} ${command}`;

/** The command that installs an add-on. The local cluster has them all, and Minikube has it where its name is given. */
export function addon(cluster: Cluster, name: string | undefined, elsewhere: string): string {
  const state = process.env.XDG_STATE_HOME ?? "~/.local/state";
  if (cluster.kind === "local")
    return `rm ${state}/todo-app/cluster/applied && make cluster, which applies the local cluster's add-ons again`;
  return cluster.kind === "minikube" && name
    ? minikube(cluster, `addons enable ${name}`)
    : elsewhere;
}
