import * as k8s from "@pulumi/kubernetes";

/** The Kubernetes provider for one context of the kubeconfig. The kubeconfig's current context is never used. */
export function clusterProvider(context: string): k8s.Provider {
  // With an empty `kubeconfig`, the provider still reads the file that $KUBECONFIG names, but this machine's path does
  // not get into the state. The state then holds no cluster address to compare with either, so the provider never
  // replaces all objects because the context points to another cluster.
  return new k8s.Provider("cluster", { kubeconfig: "", context, enableServerSideApply: true });
}

/**
 * Identity of the provider's cluster: the uid of its namespace kube-system. `make up` compares it to notice that the
 * context points to another cluster than before.
 */
export const clusterIdentity = (provider: k8s.Provider) =>
  k8s.core.v1.Namespace.get("kube-system", "kube-system", { provider }).metadata.uid;
