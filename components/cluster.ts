import * as k8s from "@pulumi/kubernetes";

/** The provider for the cluster of one context of the kubeconfig: the ambient context is never used. */
export function clusterProvider(context: string): k8s.Provider {
  // An empty `kubeconfig` keeps the value of $KUBECONFIG, a path of this machine, out of the state; the file is still read. The
  // provider then knows no cluster to compare either, so that it never replaces all objects because the context leads elsewhere.
  return new k8s.Provider("cluster", { kubeconfig: "", context, enableServerSideApply: true });
}

/** Identity of the provider's cluster, by which `make up` notices that another one is meant: uid of its namespace kube-system. */
export const clusterIdentity = (provider: k8s.Provider) =>
  k8s.core.v1.Namespace.get("kube-system", "kube-system", { provider }).metadata.uid;
