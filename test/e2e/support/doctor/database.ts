/** Faults of the database, of its volume and of its backups. */
import { eventually, sh } from "../shell.ts";
import {
  all,
  changed,
  copiedMigration,
  created,
  kubectl,
  metadata,
  saved,
  type Fault,
} from "./fault.ts";

/** The database is the only pod of its kind: each of these interrupts the stage. */
const volumePath = async () => {
  const volume = await kubectl("get pvc postgres-data --output jsonpath='{.spec.volumeName}'");
  return kubectl(`get pv ${volume} --output jsonpath='{.spec.hostPath.path}'`);
};

const databaseStops = async () => {
  await kubectl("scale statefulset/postgres --replicas 0");
  await kubectl("wait --for delete pod/postgres-0 --timeout 120s");
};

/** Lays a small file system over the folder of the volume, with a copy of its files, and fills most of it. */
const fullVolume: Fault["cause"] = async (undo) => {
  const path = await volumePath();
  const size = 2 * Number(await sh(`du -sm ${path} | cut -f 1`)) + 200;
  undo(await saved("statefulset/postgres"));
  undo(async () => {
    await databaseStops();
    await eventually(30, async () => {
      await sh(`if mountpoint -q ${path}; then umount ${path}; fi`);
    });
  });
  await databaseStops();
  await sh(
    `copy=$(mktemp -d); mount -t tmpfs -o size=${size}m todo-app-doctor $copy; ` +
      `chown --reference ${path} $copy; chmod --reference ${path} $copy; cp -a ${path}/. $copy; ` +
      `used=$(du -sm $copy | cut -f 1); head -c $((${size} * 88 / 100 - used))M /dev/zero >$copy/ballast; ` +
      `mount --move $copy ${path} || { mount --bind $copy ${path}; umount $copy; }; rmdir $copy`,
  );
  await kubectl("scale statefulset/postgres --replicas 1");
  await eventually(120, async () => {
    await kubectl("rollout status statefulset/postgres --timeout 10s");
  });
};

export const DATABASE_FAULTS: readonly Fault[] = [
  {
    name: "a database that is scaled to 0",
    rule: "database-down",
    says: /scaled to 0/,
    cause: changed("statefulset/postgres", "scale statefulset/postgres --replicas 0"),
  },
  {
    name: "a volume claim of a class that does not exist",
    rule: "volume-pending",
    says: /no StorageClass no-such-class/,
    quick: true,
    cause: created({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: metadata("doctor"),
      spec: {
        storageClassName: "no-such-class",
        accessModes: ["ReadWriteOnce"],
        resources: { requests: { storage: "1Gi" } },
      },
    }),
  },
  {
    name: "a volume that is almost full",
    rule: "volume-full",
    says: /8\d % full/,
    cause: fullVolume,
  },
];

/** A CronJob for backups, and a Job of it that fails. */
const cronJob = (suspend: boolean) => ({
  apiVersion: "batch/v1",
  kind: "CronJob",
  metadata: metadata("backup"),
  spec: {
    schedule: "0 3 1 1 *",
    suspend,
    jobTemplate: {
      spec: {
        template: {
          spec: {
            restartPolicy: "Never",
            containers: [{ name: "backup", image: "no-such-image" }],
          },
        },
      },
    },
  },
});

export const BACKUP_FAULTS: readonly Fault[] = [
  {
    name: "backups that are suspended",
    rule: "backup-suspended",
    cause: created(cronJob(true)),
  },
  {
    name: "a backup that has failed",
    rule: "backup-failed",
    says: /this backup is broken/,
    cause: all(created(cronJob(false)), async (undo) => {
      const command = ["python", "-c", 'raise SystemExit("this backup is broken")'];
      const copy = JSON.stringify(await copiedMigration("backup-doctor", command));
      const name = '"app.kubernetes.io/name":"';
      await created(JSON.parse(copy.replaceAll(`${name}migration`, `${name}backup`)))(undo);
    }),
  },
];
