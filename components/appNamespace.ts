import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { RESTRICTED_NAMESPACE_LABELS } from "./kubernetes/podSecurity.ts";
import { DEFAULT_RESOURCES, quotaSpec, type Quota } from "./kubernetes/quota.ts";

const DEFAULT_STORAGE = { "ephemeral-storage": "64Mi" };

export interface AppNamespaceArgs {
  /** Name of the Namespace. */
  readonly namespace: string;
  /**
   * What the namespace may use. It does not follow the sizes of the pods: it is updated before them, and one that shrank
   * with them would count the larger pods of before and let no new one replace them.
   */
  readonly quota: Quota;
  /** Refuse to destroy the Namespace, and with it everything inside; left in the cluster whatever happens. @default false */
  readonly protect?: boolean;
}

/** A Namespace that only runs restricted pods, within a quota, and without any network edge until one is allowed. */
export class AppNamespace extends pulumi.ComponentResource {
  /** The namespace's name, known once the guards inside it exist: no pod can come before its quota and policy. */
  readonly namespace: pulumi.Output<string>;

  constructor(name: string, args: AppNamespaceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:AppNamespace", name, {}, opts);

    const namespace = this.createNamespace(name, args);
    const guards = this.createGuards(name, namespace.metadata.name, args.quota);
    this.namespace = pulumi
      .all([namespace.metadata.name, ...guards.map((guard) => guard.id)])
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
      // Not on the component: its other children would inherit the protection, and a quota must stay changeable.
      { parent: this, protect: args.protect, retainOnDelete: args.protect },
    );
  }

  private createGuards(
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
