/** Backups of a CloudNativePG cluster, which the operator makes: one Backup object for each. */
import { setTimeout as sleep } from "node:timers/promises";
import { backupSpec } from "../../../components/kubernetes/barmanCloud.ts";
import { CLUSTER_API } from "../../../components/kubernetes/cloudNativePg.ts";
import { OperatorError } from "../errors.ts";
import { request } from "../kubectl.ts";
import type { ClusterPlace } from "./place.ts";

const POLL_MS = 1000;
/** A backup that has not begun by then will not begin by itself, in milliseconds. */
const BEGINS_MS = 120_000;
const KIND = "backups.postgresql.cnpg.io";

/** The part of a Backup that is read. */
export interface Backup {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
  readonly spec: { readonly cluster: { readonly name: string } };
  readonly status?: {
    /** "completed" and "failed" are final; absent until the operator has seen it. */
    readonly phase?: string;
    readonly error?: string;
    readonly commandError?: string;
    readonly startedAt?: string;
    readonly stoppedAt?: string;
    /** Its name in the bucket. */
    readonly backupId?: string;
  };
}

/** A backup in the output of `backups --json`. Keys may be added; those that are here keep their meaning. */
export interface ClusterBackup {
  readonly name: string;
  /** The cluster that it is of: an earlier one may have had another name. */
  readonly cluster: string;
  /** When it began (ISO 8601). */
  readonly time: string;
  readonly ageSeconds: number;
  readonly phase: string;
  /** Whether it is complete. */
  readonly ok: boolean;
  /** Why it has failed; null if it has not. */
  readonly problem: string | null;
  /** Its name in the bucket; null until it is there. */
  readonly backupId: string | null;
}

/** Asks kubectl. @throws OperatorError that says what the credentials need */
export async function answerOf(
  place: ClusterPlace,
  command: readonly string[],
  input?: string,
): Promise<string> {
  const { code, stdout, output } = await request(place, command, input);
  if (code === 0) return stdout;
  const where = `namespace ${place.namespace} of context "${place.context}"`;
  throw new OperatorError(
    `kubectl ${command.slice(0, 2).join(" ")} failed in ${where}: ${output.trim()}`,
    /NotFound|doesn't have a resource type/.test(output)
      ? `deploy the stage first, so that it has what is backed up: make up STAGE=${place.stage}`
      : `the credentials must be allowed to read and create backups and clusters in ${CLUSTER_API.split("/")[0]}; ` +
          'docs/pipelines.md, "The deployer of a pipeline", lists the rights',
  );
}

const reasonOf = ({ status = {} }: Backup) =>
  status.error || status.commandError || "the operator gives no reason";

/** The backups of all clusters that the stage has had, newest first. */
export function describedBackups(backups: readonly Backup[], now: number): ClusterBackup[] {
  return backups
    .map((backup) => {
      const { metadata, spec, status = {} } = backup;
      const { phase = "pending", startedAt: time = metadata.creationTimestamp } = status;
      return {
        name: metadata.name,
        cluster: spec.cluster.name,
        time,
        ageSeconds: Math.max(0, Math.round((now - Date.parse(time)) / 1000)),
        phase,
        ok: phase === "completed",
        problem: phase === "failed" ? reasonOf(backup) : null,
        backupId: status.backupId ?? null,
      };
    })
    .sort((one, other) => one.ageSeconds - other.ageSeconds);
}

export async function backupsOf(place: ClusterPlace): Promise<readonly ClusterBackup[]> {
  const { items } = JSON.parse(await answerOf(place, ["get", KIND, "--output=json"])) as {
    readonly items: readonly Backup[];
  };
  return describedBackups(items, Date.now());
}

/** The newest backup of the cluster in use has failed, and none runs since: what `backups` ends with 1 for. */
export const failedLast = (place: ClusterPlace, backups: readonly ClusterBackup[]) =>
  backups.find(({ cluster }) => cluster === place.cluster)?.problem != null;

/** The name of a backup that begins now, as the operator names those of a schedule. */
const nameOf = (cluster: string, now: Date) =>
  `${cluster}-${now.toISOString().slice(0, 19).replace(/\D/g, "")}`;

/**
 * A backup that is made by hand. The primary makes it, and waits until its write-ahead log is archived. One of a standby is complete
 * before that, and for some minutes can't be recovered.
 */
export const backupOf = (cluster: string, name: string) => ({
  apiVersion: CLUSTER_API,
  kind: "Backup",
  metadata: { name },
  spec: { ...backupSpec(cluster), target: "primary" },
});

async function waitFor(place: ClusterPlace, name: string): Promise<Backup> {
  const begin = Date.now();
  const kubectl = `kubectl --context ${place.context} --namespace ${place.namespace}`;
  for (;;) {
    const { code, stdout } = await request(place, ["get", KIND, name, "--output=json"]);
    const backup = code === 0 ? (JSON.parse(stdout) as Backup) : undefined;
    const { phase = "", startedAt } = backup?.status ?? {};
    if (backup && phase === "completed") return backup;
    if (backup && phase === "failed")
      throw new OperatorError(
        `backup ${name} has failed: ${reasonOf(backup)}`,
        `remove the cause and run the command again; ${kubectl} logs --selector cnpg.io/cluster=${place.cluster} ` +
          "--container plugin-barman-cloud --tail 50 shows more",
      );
    if (!startedAt && Date.now() - begin > BEGINS_MS)
      throw new OperatorError(
        `backup ${name} has not begun after ${BEGINS_MS / 1000} s; its phase: ${phase || "none"}`,
        `${kubectl} describe ${KIND} ${name} and ${kubectl} describe cluster ${place.cluster} say what it waits for; ` +
          "it begins by itself once that is removed",
      );
    await sleep(POLL_MS);
  }
}

/**
 * Has the operator make a backup, and waits for its end. The object stays, also where it has failed.
 *
 * @throws OperatorError with the error of the operator
 */
export async function makeBackup(place: ClusterPlace): Promise<Backup> {
  const name = nameOf(place.cluster, new Date());
  const create = ["create", "--filename=-"];
  await answerOf(place, create, JSON.stringify(backupOf(place.cluster, name)));
  return waitFor(place, name);
}
