import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { RESTRICTED_NAMESPACE_LABELS } from "./kubernetes/podSecurity.ts";
import { DEFAULT_RESOURCES, quotaSpec, type Quota } from "./kubernetes/quota.ts";

/** Local disk of a container that states none. */
const DEFAULT_STORAGE = { "ephemeral-storage": "64Mi" };

export interface AppNamespaceArgs {
  /** Name of the Namespace. */
  readonly namespace: string;
  /**
   * What the namespace may use. It is not derived from the sizes of the pods: a deploy updates the quota before the
   * pods. If the quota shrank with them, the old, larger pods would use it up, and no new pod could replace them.
   */
  readonly quota: Quota;
  /**
   * Whether Pulumi refuses to destroy the Namespace with everything in it. If Pulumi no longer manages it, it stays in
   * the cluster.
   * @default false
   */
  readonly protect?: boolean;
}

/**
 * A Namespace that admits only pods of the Pod Security Standard "restricted", limits all of them together by a
 * ResourceQuota, and denies all network traffic that no other NetworkPolicy allows.
 */
export class AppNamespace extends pulumi.ComponentResource {
  /**
   * Name of the Namespace. It resolves once the ResourceQuota, the LimitRange and the default-deny policy exist, so
   * that no pod is created before them.
   */
  readonly namespace: pulumi.Output<string>;

  constructor(name: string, args: AppNamespaceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:AppNamespace", name, {}, opts);

    const namespace = this.createNamespace(name, args);
    const restrictions = this.createRestrictions(name, namespace.metadata.name, args.quota);
    this.namespace = pulumi
      .all([namespace.metadata.name, ...restrictions.map(({ id }) => id)])
      .apply(([ns]) => ns!);

    this.registerOutputs({ namespace: this.namespace });
  }

  private createNamespace(name: string, args: AppNamespaceArgs) {
    return new k8s.core.v1.Namespace(
      name,
      {
        metadata: {
          name: args.namespace,
          labels: {
            "app.kubernetes.io/part-of": "todo-app",
            "app.kubernetes.io/managed-by": "pulumi",
            ...RESTRICTED_NAMESPACE_LABELS,
          },
        },
      },
      // `protect` is set here and not on the component: the ResourceQuota would inherit it, and the quota must stay
      // changeable.
      { parent: this, protect: args.protect, retainOnDelete: args.protect },
    );
  }

  private createRestrictions(
    name: string,
    namespace: pulumi.Output<string>,
    quota: Quota,
  ): pulumi.CustomResource[] {
    const child = { parent: this };
    const resourceQuota = new k8s.core.v1.ResourceQuota(
      `${name}-quota`,
      {
        metadata: { namespace, name: "todo-app" },
        spec: { hard: quotaSpec(quota) },
      },
      child,
    );
    const limits = new k8s.core.v1.LimitRange(
      `${name}-limits`,
      {
        metadata: { namespace, name: "todo-app" },
        spec: {
          limits: [
            {
              type: "Container",
              defaultRequest: { ...DEFAULT_RESOURCES.requests, ...DEFAULT_STORAGE },
              default: { ...DEFAULT_RESOURCES.limits, ...DEFAULT_STORAGE },
            },
          ],
        },
      },
      child,
    );
    const deny = new k8s.networking.v1.NetworkPolicy(
      `${name}-default-deny`,
      {
        metadata: { namespace, name: "default-deny" },
        spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
      },
      child,
    );
    return [resourceQuota, limits, deny];
  }
}
