import { readFileSync } from "node:fs";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import {
  backupPod,
  type BackupPodArgs,
  type BackupSecrets,
  type BackupWorkload,
  type Bucket,
} from "./kubernetes/backupPod.ts";
import { HOLDS_DATA } from "./kubernetes/dataProtection.ts";
import { objectLabels } from "./kubernetes/labels.ts";
import { policySpec, type Peer } from "./kubernetes/network.ts";

/** Role of a backup. It can read every table of the database, and write none. */
export const BACKUP_ROLE = "todo_backup";
/** Name of the claim of the volume that holds the backups. */
const CLAIM = "backups";
/** The files of `components/backup/` that are mounted into each pod. */
const PROGRAMS = [
  "lib.sh",
  "tables.sql",
  "backup.sh",
  "dump.sh",
  "list.sh",
  "restore.sh",
  "drill.sh",
];
/** Those that a bucket needs as well. */
const BUCKET_PROGRAMS = ["bucket.sh", "upload.sh", "download.sh"];
/** How long one run may take, in seconds. */
const DEADLINE_SECONDS = 4 * 3600;
/** How late a backup may start, in seconds; then it waits for the next time of its schedule. */
const LATEST_START_SECONDS = 3600;

export interface BackupArgs {
  readonly namespace: pulumi.Input<string>;
  /** Image of the database server, which has the programs that dump and restore. */
  readonly image: string;
  /** When backups are made: five fields of cron, in UTC. */
  readonly schedule: string;
  /** Number of backups to keep. */
  readonly keep: number;
  /** Size of the volume that holds the backups; with `bucket`, of the volume that each pod has for the one it works on. */
  readonly storage: string;
  /** Where the backups are kept. @default on a volume of the cluster */
  readonly bucket?: Bucket;
  /** Size of the volume of a drill: that of the database. */
  readonly databaseStorage: string;
  /** @default the cluster's default StorageClass */
  readonly storageClassName?: string;
  readonly secrets: BackupSecrets;
  /** Peers that a backup and a restore may connect to: the database. */
  readonly callees: readonly Peer[];
  /** Secret with the login of the image's registry. @default none: the nodes may pull */
  readonly pullSecret?: pulumi.Input<string>;
  /** PriorityClass. @default the cluster's default */
  readonly priorityClassName?: string;
}

/** What differs between the workloads. */
interface Shape extends Pick<BackupPodArgs, "env" | "scratch"> {
  readonly suspend: boolean;
  /** How often a failed run is repeated. */
  readonly retries: number;
}

/** Objects that a CronJob refers to. */
interface Objects {
  readonly account: k8s.core.v1.ServiceAccount;
  readonly policy: k8s.networking.v1.NetworkPolicy;
  readonly volume: BackupPodArgs["volume"];
  readonly programs: k8s.core.v1.ConfigMap;
}

/** Encrypted backups of the in-cluster database on a volume of their own or in a bucket, and what restores and checks them. */
export class Backup extends pulumi.ComponentResource {
  constructor(name: string, args: BackupArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:Backup", name, {}, opts);

    const volume = this.createVolume(`${name}-volume`, args);
    const programs = this.createPrograms(`${name}-programs`, args);
    const create = (logicalName: string, workload: BackupWorkload, shape: Shape) => {
      const account = this.createServiceAccount(logicalName, workload, args);
      const policy = this.createNetworkPolicy(logicalName, workload, args);
      const volumes = { volume, programs };
      this.createCronJob(logicalName, workload, args, shape, { account, policy, ...volumes });
    };
    const { databaseStorage: storage, storageClassName, keep } = args;
    const template = { suspend: true, retries: 0, env: {} };
    const env = { BACKUP_ROLE, KEEP: String(keep) };
    create(name, "backup", { ...template, suspend: false, retries: 2, env });
    create(`${name}-restore`, "restore", template);
    const scratch = { mountPath: "/scratch", storage, storageClassName };
    create(`${name}-drill`, "drill", { ...template, scratch });

    this.registerOutputs({});
  }

  private metadata(args: BackupArgs, name: string, annotations?: Record<string, string>) {
    const labels = objectLabels(name === CLAIM ? "backup" : name);
    return { namespace: args.namespace, name, labels, annotations };
  }

  /** The volume with all backups. With a bucket there is none, and each pod has a volume of its own instead. */
  private createVolume(name: string, args: BackupArgs): BackupPodArgs["volume"] {
    const { storage, storageClassName } = args;
    if (args.bucket) return { storage, storageClassName };
    const claim = new k8s.core.v1.PersistentVolumeClaim(
      name,
      {
        // No wait for the claim: a StorageClass with WaitForFirstConsumer binds it only once a backup is made.
        metadata: this.metadata(args, CLAIM, { "pulumi.com/skipAwait": "true" }),
        spec: {
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage } },
          ...(storageClassName && { storageClassName }),
        },
      },
      // The StorageClass of a claim can't be changed, so it is sent only on creation, as for the database's volume.
      { parent: this, ...HOLDS_DATA, ignoreChanges: ["spec.storageClassName"] },
    );
    return { claimName: claim.metadata.name };
  }

  /** The ConfigMap is auto-named: a Job that runs while the programs change keeps those that it was started with. */
  private createPrograms(name: string, args: BackupArgs) {
    const content = (file: string) =>
      readFileSync(new URL(`backup/${file}`, import.meta.url), "utf8");
    const files = [...PROGRAMS, ...(args.bucket ? BUCKET_PROGRAMS : [])];
    return new k8s.core.v1.ConfigMap(
      name,
      {
        metadata: { namespace: args.namespace, labels: objectLabels("backup") },
        data: Object.fromEntries(files.map((file) => [file, content(file)])),
      },
      { parent: this },
    );
  }

  private createServiceAccount(name: string, workload: BackupWorkload, args: BackupArgs) {
    return new k8s.core.v1.ServiceAccount(
      name,
      { metadata: this.metadata(args, workload), automountServiceAccountToken: false },
      { parent: this },
    );
  }

  private createNetworkPolicy(name: string, workload: BackupWorkload, args: BackupArgs) {
    // A drill has a server of its own in its pod.
    const database = workload === "drill" ? [] : args.callees;
    const callees = [...database, ...(args.bucket?.callees ?? [])];
    return new k8s.networking.v1.NetworkPolicy(
      name,
      { metadata: this.metadata(args, workload), spec: policySpec(workload, [], callees) },
      { parent: this },
    );
  }

  private createCronJob(
    name: string,
    workload: BackupWorkload,
    args: BackupArgs,
    shape: Shape,
    objects: Objects,
  ) {
    const spec = backupPod(workload, {
      ...args,
      ...shape,
      serviceAccountName: objects.account.metadata.name,
      programs: objects.programs.metadata.name,
      volume: objects.volume,
    });
    new k8s.batch.v1.CronJob(
      name,
      {
        metadata: this.metadata(args, workload),
        spec: {
          schedule: args.schedule,
          timeZone: "Etc/UTC",
          suspend: shape.suspend,
          concurrencyPolicy: "Forbid",
          startingDeadlineSeconds: LATEST_START_SECONDS,
          successfulJobsHistoryLimit: 1,
          failedJobsHistoryLimit: 3,
          jobTemplate: {
            metadata: { labels: objectLabels(workload) },
            spec: {
              backoffLimit: shape.retries,
              activeDeadlineSeconds: DEADLINE_SECONDS,
              template: {
                metadata: { labels: objectLabels(workload) },
                spec: { ...spec, restartPolicy: "Never" },
              },
            },
          },
        },
      },
      { parent: this, dependsOn: objects.policy },
    );
  }
}
