import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { RESTRICTED_NAMESPACE_LABELS } from "./kubernetes/podSecurity.ts";
import { quotaFor, type PodBudget } from "./kubernetes/resources.ts";

/** Pods that state no resources (cert-manager's solver, a debug pod) get these, or the quota would refuse them. */
const DEFAULT_RESOURCES = { requests: { cpu: "10m", memory: "64Mi" }, limits: { memory: "64Mi" } };
const DEFAULT_STORAGE = { "ephemeral-storage": "64Mi" };
/** Room on top of the app's own pods: for such pods, and for a Job that dumps or restores the database. */
const HEADROOM: readonly PodBudget[] = [
  { pods: 4, resources: DEFAULT_RESOURCES },
  {
    pods: 1,
    resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "512Mi" } },
  },
];

export interface AppNamespaceArgs {
  /** Name of the Namespace. */
  readonly namespace: string;
  /** Every pod that may exist at once; the ResourceQuota is their sum, so it never blocks a rollout at full scale. */
  readonly budgets: readonly PodBudget[];
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
    const guards = this.createGuards(name, namespace.metadata.name, args.budgets);
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
    budgets: readonly PodBudget[],
  ): pulumi.CustomResource[] {
    const child = { parent: this };
    const quota = new k8s.core.v1.ResourceQuota(
      `${name}-quota`,
      {
        metadata: { namespace, name: "todo-app" },
        spec: { hard: quotaFor([...budgets, ...HEADROOM]) },
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
    return [quota, limits, deny];
  }
}
