/**
 * Specs of what backs up a CloudNativePG cluster in a bucket: the ObjectStore of the Barman Cloud plugin
 * (barmancloud.cnpg.io/v1, https://cloudnative-pg.io/plugin-barman-cloud), and the operator's ScheduledBackup.
 */
import type * as pulumi from "@pulumi/pulumi";
import type { Peer } from "./network.ts";
import { ARCHIVER_RESOURCES } from "./quota.ts";

/** Name by which a Cluster and a Backup ask for the plugin. */
export const ARCHIVE_PLUGIN = "barman-cloud.cloudnative-pg.io";

/** Keys of the Secret with which the plugin logs in to the bucket. */
export const BUCKET_SECRET = {
  id: "S3_ACCESS_KEY_ID",
  key: "S3_SECRET_ACCESS_KEY",
  region: "S3_REGION",
} as const;

/** Where a cluster is backed up, and when. */
export interface Archive {
  /** When backups are made: five fields of cron, in UTC. The write-ahead log is sent all the time. */
  readonly schedule: string;
  /** Days back to which a recovery must be possible. What is older and not needed for that is removed. */
  readonly keepDays: number;
  /** URL of the S3-compatible service. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Folder in the bucket. Each cluster has a folder of its name in it. */
  readonly prefix: string;
  /** Region of the bucket. */
  readonly region: string;
  /** The service, as a peer of network connections. */
  readonly callees: readonly Peer[];
}

/** Room for the parts of a backup that wait for their upload. */
const EPHEMERAL_STORAGE = { "ephemeral-storage": "1Gi" };

/** Newer clients add checksums that services other than Amazon's may refuse. */
const CHECKSUMS = ["AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"].map(
  (name) => ({ name, value: "when_required" }),
);

/** `spec` of the ObjectStore. @param secretName the Secret with the keys of `BUCKET_SECRET` */
export function objectStoreSpec(archive: Archive, secretName: pulumi.Input<string>) {
  const { endpoint, bucket, prefix, keepDays } = archive;
  const key = (name: string) => ({ name: secretName, key: name });
  return {
    configuration: {
      endpointURL: endpoint,
      destinationPath: `s3://${bucket}/${prefix}`,
      s3Credentials: {
        accessKeyId: key(BUCKET_SECRET.id),
        secretAccessKey: key(BUCKET_SECRET.key),
        region: key(BUCKET_SECRET.region),
      },
      wal: { compression: "gzip" },
      data: { compression: "gzip" },
    },
    retentionPolicy: `${keepDays}d`,
    instanceSidecarConfiguration: {
      env: CHECKSUMS,
      resources: {
        requests: { ...ARCHIVER_RESOURCES.requests, ...EPHEMERAL_STORAGE },
        limits: { ...ARCHIVER_RESOURCES.limits, ...EPHEMERAL_STORAGE },
      },
    },
  };
}

/** `spec` of a Backup of a cluster. */
export const backupSpec = (cluster: string) => ({
  cluster: { name: cluster },
  method: "plugin",
  pluginConfiguration: { name: ARCHIVE_PLUGIN },
});

/** `spec` of the ScheduledBackup. The first backup is made at once: until there is one, nothing can be recovered. */
export const scheduledBackupSpec = ({ schedule }: Archive, cluster: string) => ({
  // The operator's schedules begin with the seconds.
  schedule: `0 ${schedule}`,
  immediate: true,
  backupOwnerReference: "none",
  ...backupSpec(cluster),
});
