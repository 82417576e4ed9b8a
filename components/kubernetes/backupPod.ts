/** The pods that back up, restore and check the in-cluster database. */
import type * as pulumi from "@pulumi/pulumi";
import type { Peer } from "./network.ts";
import {
  restrictedPod,
  type RestrictedContainerArgs,
  type RestrictedPodArgs,
  type SecretFiles,
} from "./podSecurity.ts";
import { POSTGRES_USER_ID } from "./postgresContainer.ts";
import { BACKUP_RESOURCES } from "./quota.ts";

/** Where the programs of `components/backup/` are mounted. */
const PROGRAMS_PATH = "/programs";
const BACKUPS_PATH = "/backups";

/**
 * `backup` makes one on the schedule. `restore` and `drill` never start by themselves: they are the templates from which
 * `make restore` and `make drill` start Jobs.
 */
export type BackupWorkload = "backup" | "restore" | "drill";

/** A bucket of an S3-compatible service. */
export interface Bucket {
  /** Image of rclone. */
  readonly image: string;
  /** Environment variables that say where it is. */
  readonly settings: Readonly<Record<string, string>>;
  /** The service, as a peer of network connections. */
  readonly callees: readonly Peer[];
}

/** Secrets of each workload: `BACKUP_KEY`, and the password of the role that it logs in as. */
export type BackupSecrets = Readonly<Record<BackupWorkload, SecretFiles>> & {
  /** The key for the bucket, `S3_ACCESS_KEY_ID` and `S3_SECRET_ACCESS_KEY`. Required if there is a bucket. */
  readonly bucket?: SecretFiles;
};

export interface BackupPodArgs extends Pick<
  RestrictedPodArgs,
  "serviceAccountName" | "pullSecret" | "priorityClassName" | "scratch"
> {
  /** Image of the database server, which has the programs that dump and restore. */
  readonly image: string;
  readonly secrets: BackupSecrets;
  /** Variables of the workload's program. */
  readonly env: Readonly<Record<string, string>>;
  /** ConfigMap with the programs. */
  readonly programs: pulumi.Input<string>;
  /** The volume with all backups; or, with a bucket, the size of one with the backup that the pod works on. */
  readonly volume:
    | { readonly claimName: pulumi.Input<string> }
    | { readonly storage: string; readonly storageClassName?: string };
  readonly bucket?: Bucket;
}

const container = (
  name: string,
  image: string,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
) => ({
  name,
  image,
  command: [...command],
  env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
  resources: BACKUP_RESOURCES,
});

/**
 * The containers of a pod. With a bucket, one of them does the transfer: after the dump of a backup, before anything else.
 * It has the key for the bucket, and neither the key of the backups nor a password of the database.
 */
function containersOf(
  workload: BackupWorkload,
  { image, secrets, env, bucket }: BackupPodArgs,
): RestrictedContainerArgs & Pick<RestrictedPodArgs, "before"> {
  const program = (name: string) => `${PROGRAMS_PATH}/${name}.sh`;
  const where: Readonly<Record<string, string>> = bucket ? { IN_BUCKET: "true" } : {};
  const own = {
    container: container(workload, image, ["bash", program(workload)], { ...env, ...where }),
    secrets: secrets[workload],
  };
  if (!bucket) return own;
  const transfer = (name: string, more: Readonly<Record<string, string>>) => ({
    container: container(name, bucket.image, ["sh", program(name)], {
      ...bucket.settings,
      ...more,
    }),
    secrets: secrets.bucket,
  });
  return workload === "backup"
    ? { ...transfer("upload", env), before: own }
    : { ...own, before: transfer("download", {}) };
}

/** `spec` of the pod of a workload. */
export function backupPod(workload: BackupWorkload, args: BackupPodArgs) {
  const { serviceAccountName, pullSecret, priorityClassName, scratch } = args;
  return restrictedPod({
    ...containersOf(workload, args),
    serviceAccountName,
    pullSecret,
    priorityClassName,
    scratch,
    userId: POSTGRES_USER_ID,
    writablePaths: ["/tmp"],
    data: {
      ...args.volume,
      mountPath: BACKUPS_PATH,
      readOnly: workload !== "backup" || args.bucket !== undefined,
    },
    programs: { name: args.programs, mountPath: PROGRAMS_PATH },
  });
}
