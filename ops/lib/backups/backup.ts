/** A backup as operators see it. */
import { OperatorError } from "../errors.ts";
import type { ClusterPlace } from "./place.ts";

/** A line of `components/backup/list.sh`. */
export interface Listed {
  readonly name: string;
  readonly bytes: number;
  /** What is wrong with its files; empty if nothing is. */
  readonly problem: string;
  /** How its dump was compared with its manifest. @default "content", before backups could be in a bucket */
  readonly checked?: "content" | "size";
}

/** A backup in the output of `backups --json`. Keys may be added; those that are here keep their meaning. */
export interface Described {
  readonly name: string;
  /** When it was made (ISO 8601). */
  readonly time: string;
  readonly ageSeconds: number;
  readonly bytes: number;
  /** Whether its files are those that were written, as far as they were compared. */
  readonly ok: boolean;
  /** What is wrong with them; null if nothing is. */
  readonly problem: string | null;
  /** How its dump was compared with what was written: in a bucket, a list knows no more than its size. */
  readonly checked: "content" | "size";
}

const NAME = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)$/;

/** Refuses a text that is no name of a backup, before anything is asked of the cluster. */
export function checkName(stage: string, name: string): void {
  if (NAME.test(name)) return;
  throw new OperatorError(
    `"${name}" is not the name of a backup, such as 20260302-021700`,
    `make backups STAGE=${stage} lists the backups`,
  );
}

/** What to do about an error of `components/backup/restore.sh`. */
export function fixOfRestore(stage: string, backup: string, message: string): string {
  const again = `make restore STAGE=${stage} BACKUP=${backup}`;
  if (message.startsWith("the schema of backup"))
    return `read "Restore a backup with another schema" in docs/backup.md, then: ${again} ARGS=--other-schema`;
  if (message.startsWith("the volume of the database"))
    return (
      "drop the databases that earlier restores have kept (todo_before_…), or raise todo-app:database.storage where the " +
      `StorageClass lets volumes grow, and make up STAGE=${stage}; then: ${again}`
    );
  return `the database is as it was; make backups STAGE=${stage} lists the backups`;
}

/** Why a backup of CloudNativePG is not restored into the cluster in use, and what is done instead. */
export function recoverInstead({ stage, cluster }: ClusterPlace): OperatorError {
  const set = `pulumi config set --stack ${stage} --path todo-app:database`;
  return new OperatorError(
    `the database of ${stage} is run by CloudNativePG, which recovers a backup into a new cluster only`,
    `read "Recover a CloudNativePG cluster" in docs/backup.md, then: ${set}.recovery.clusterName ${cluster}; ` +
      `${set}.clusterName <new name>; make up STAGE=${stage}`,
  );
}

/** The backups, newest first. */
export function described(listed: readonly Listed[], now: number): readonly Described[] {
  return listed
    .map(({ name, bytes, problem, checked = "content" }) => {
      const time = name.replace(NAME, "$1-$2-$3T$4:$5:$6Z");
      const ageSeconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000));
      return { name, time, ageSeconds, bytes, ok: !problem, problem: problem || null, checked };
    })
    .sort((one, other) => (one.name < other.name ? 1 : -1));
}

const amount = (value: number, steps: readonly (readonly [number, string])[]) => {
  const [size, unit] = steps.find(([least]) => value >= least) ?? steps.at(-1)!;
  const count = value / size;
  return `${count < 10 && size > 1 ? count.toFixed(1) : Math.round(count)} ${unit}`;
};

/** A size for people: 86704 → "85 KiB". */
export const sizeText = (bytes: number) =>
  amount(bytes, [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
    [1, "B"],
  ]);

/** A time span for people: 9000 → "2.5 h". */
export const ageText = (seconds: number) =>
  amount(seconds, [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ]);
