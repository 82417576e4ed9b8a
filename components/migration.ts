import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ImageReference } from "./containerImage.ts";
import { waitBeyond } from "./kubernetes/deadlines.ts";
import { objectLabels } from "./kubernetes/labels.ts";
import { policySpec, type Peer } from "./kubernetes/network.ts";
import { USER_ID, restrictedPod, type SecretFiles } from "./kubernetes/podSecurity.ts";
import { MIGRATION_RESOURCES } from "./kubernetes/quota.ts";

const WORKLOAD = "migration";

export interface MigrationArgs {
  readonly namespace: pulumi.Input<string>;
  /** Image that contains the migrations: the backend's. */
  readonly image: ImageReference;
  /** Program and arguments that migrate the schema to the image's version and exit. */
  readonly command: readonly string[];
  /** User of the image. @default 10001 */
  readonly userId?: number;
  /** Secret with `DATABASE_URL`. */
  readonly secrets: SecretFiles;
  /** Secret with the login of the image's registry. @default none: the nodes may pull */
  readonly pullSecret?: pulumi.Input<string>;
  /** PriorityClass. @default the cluster's default */
  readonly priorityClassName?: string;
  /** Peers that the migration may connect to: the database. */
  readonly callees: readonly Peer[];
  /** How long the migration may take, in seconds. */
  readonly rolloutTimeoutSeconds: number;
}

/**
 * Runs the schema migration once per image, before anything that depends on this component.
 *
 * A Job cannot be changed, so a new image or a new database login creates a new Job, and the deploy waits for it. If it
 * fails, the deploy stops and shows the Job's last log lines; the old pods keep serving.
 */
export class Migration extends pulumi.ComponentResource {
  constructor(name: string, args: MigrationArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:Migration", name, {}, opts);

    const policy = this.createNetworkPolicy(name, args);
    const account = this.createServiceAccount(name, args);
    this.createJob(name, args, account, policy);

    this.registerOutputs({});
  }

  private createNetworkPolicy(name: string, args: MigrationArgs) {
    return new k8s.networking.v1.NetworkPolicy(
      name,
      {
        metadata: { namespace: args.namespace, name: WORKLOAD, labels: objectLabels(WORKLOAD) },
        spec: policySpec(WORKLOAD, [], args.callees),
      },
      { parent: this },
    );
  }

  private createServiceAccount(name: string, args: MigrationArgs) {
    return new k8s.core.v1.ServiceAccount(
      name,
      {
        metadata: { namespace: args.namespace, name: WORKLOAD, labels: objectLabels(WORKLOAD) },
        automountServiceAccountToken: false,
      },
      { parent: this },
    );
  }

  private createJob(
    name: string,
    args: MigrationArgs,
    account: k8s.core.v1.ServiceAccount,
    policy: pulumi.Resource,
  ) {
    new k8s.batch.v1.Job(
      name,
      {
        metadata: {
          namespace: args.namespace,
          labels: objectLabels(WORKLOAD),
          annotations: {
            ...waitBeyond(args.rolloutTimeoutSeconds),
            // A failed Job cannot run again. This annotation makes the next deploy replace it; without it, Pulumi finds
            // no change.
            "pulumi.com/replaceUnready": "true",
          },
        },
        spec: {
          // No retries: a person must look at a migration that failed halfway. A pod that was evicted from its node has
          // not failed.
          backoffLimit: 0,
          podFailurePolicy: {
            rules: [
              {
                action: "Ignore",
                onPodConditions: [{ type: "DisruptionTarget", status: "True" }],
              },
            ],
          },
          activeDeadlineSeconds: args.rolloutTimeoutSeconds,
          template: {
            metadata: {
              labels: objectLabels(WORKLOAD),
              // A new image creates a new Job even if the reference is a tag, which stays the same.
              annotations: { "todo-app/image-revision": args.image.revision },
            },
            spec: {
              ...restrictedPod({
                userId: args.userId ?? USER_ID,
                serviceAccountName: account.metadata.name,
                secrets: args.secrets,
                pullSecret: args.pullSecret,
                priorityClassName: args.priorityClassName,
                writablePaths: ["/tmp"],
                container: {
                  name: WORKLOAD,
                  image: args.image.reference,
                  imagePullPolicy: args.image.pullPolicy,
                  command: [...args.command],
                  resources: MIGRATION_RESOURCES,
                },
              }),
              restartPolicy: "Never",
            },
          },
        },
      },
      { parent: this, dependsOn: policy },
    );
  }
}
