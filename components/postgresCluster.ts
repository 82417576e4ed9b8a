/** The objects that have the CloudNativePG operator run and back up a database. */
import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { objectStoreSpec, scheduledBackupSpec, type Archive } from "./kubernetes/barmanCloud.ts";
import {
  CLUSTER_API,
  DEFAULT_CLUSTER,
  clusterSpec,
  type ClusterSpecArgs,
} from "./kubernetes/cloudNativePg.ts";
import { HOLDS_DATA } from "./kubernetes/dataProtection.ts";
import { objectLabels } from "./kubernetes/labels.ts";

/** Where a cluster is backed up, and the Secret with the keys of `BUCKET_SECRET`. */
type ArchiveWithSecret = Archive & { readonly secretName: pulumi.Input<string> };

export interface ClusterArgs extends Omit<ClusterSpecArgs, "objectStore"> {
  readonly namespace: pulumi.Input<string>;
  /** @default "postgres" */
  readonly clusterName?: string;
  /** @default no backups are made */
  readonly archive?: ArchiveWithSecret;
  /** How long to wait until the cluster is ready, in seconds. */
  readonly rolloutTimeoutSeconds: number;
}

const metadata = (args: ClusterArgs, name: string, annotations?: Record<string, string>) => ({
  namespace: args.namespace,
  name,
  labels: objectLabels(args.workload),
  annotations,
});

/** The bucket. It is named after the workload, because a cluster and the one that it was recovered from share it. */
const createObjectStore = (
  name: string,
  parent: pulumi.Resource,
  args: ClusterArgs,
  { secretName, ...archive }: ArchiveWithSecret,
) =>
  new k8s.apiextensions.CustomResource(
    name,
    {
      apiVersion: "barmancloud.cnpg.io/v1",
      kind: "ObjectStore",
      metadata: metadata(args, args.workload),
      spec: objectStoreSpec(archive, secretName),
    },
    { parent },
  );

/** Creates a Cluster, and what backs it up, as children of `parent`. */
export function createCluster(name: string, parent: pulumi.Resource, args: ClusterArgs): void {
  const { archive, clusterName = DEFAULT_CLUSTER } = args;
  const store = archive && createObjectStore(`${name}-archive`, parent, args, archive);
  const wait = {
    "pulumi.com/waitFor": "condition=Ready",
    "pulumi.com/timeoutSeconds": String(args.rolloutTimeoutSeconds),
  };
  const cluster = new k8s.apiextensions.CustomResource(
    name,
    {
      apiVersion: CLUSTER_API,
      kind: "Cluster",
      metadata: metadata(args, clusterName, wait),
      spec: clusterSpec({ ...args, objectStore: store?.metadata.name }),
    },
    { parent, ...HOLDS_DATA },
  );
  if (archive)
    new k8s.apiextensions.CustomResource(
      `${name}-schedule`,
      {
        apiVersion: CLUSTER_API,
        kind: "ScheduledBackup",
        // Another cluster has a schedule of its own, which begins with a backup.
        metadata: metadata(args, clusterName),
        spec: scheduledBackupSpec(archive, clusterName),
      },
      { parent, dependsOn: cluster },
    );
}
