/** Tries out the backups of a CloudNativePG cluster: a cluster of its own is recovered from them, looked at and removed. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ARCHIVE_PLUGIN } from "../../../components/kubernetes/barmanCloud.ts";
import { CLUSTER_API, recoveryFrom } from "../../../components/kubernetes/cloudNativePg.ts";
import { OperatorError } from "../errors.ts";
import { request } from "../kubectl.ts";
import { readable } from "../watch/cluster.ts";
import { describeFailure } from "../watch/describe.ts";
import { RolloutWatch, type RolloutFailure } from "../watch/watch.ts";
import { archiveUpToNow, psqlIn } from "./clusterArchive.ts";
import { answerOf, backupsOf } from "./clusterBackups.ts";
import type { ClusterPlace } from "./place.ts";

const POLL_MS = 2000;
const KIND = "clusters.postgresql.cnpg.io";
const LABELS = { "app.kubernetes.io/name": "drill" };
const SELECTOR = "--selector=app.kubernetes.io/name=drill";
/** The first tries may come before the pod's NetworkPolicy is in force. */
const TRIES = 3;
const TABLES = new URL("../../../components/backup/tables.sql", import.meta.url);

interface Database {
  readonly database: string;
  readonly owner: string;
  readonly secret?: object;
}

/** The part of a Cluster that is read. */
export interface Cluster {
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>> & {
    readonly bootstrap: { readonly initdb?: Database; readonly recovery?: Database };
    readonly plugins?: readonly {
      readonly name: string;
      readonly parameters?: Readonly<Record<string, string>>;
    }[];
  };
  readonly status?: {
    readonly currentPrimary?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

export interface Drilled {
  /** The backup, or undefined for the whole archive up to its end. */
  readonly backup?: string;
  readonly tables: number;
  readonly rows: number;
  readonly seconds: number;
}

/** Keys of a Cluster's spec that a cluster of the drill has as well: what its pod is, and what it may use. */
const KEPT = [
  "imageName",
  "imagePullSecrets",
  "inheritedMetadata",
  "postgresql",
  "storage",
  "resources",
  "priorityClassName",
  "enableSuperuserAccess",
];

/**
 * A cluster with one server that is recovered from the backups of another one. It archives nothing.
 *
 * @param backupId the backup to recover, and nothing after it @default everything up to the end of the archive
 */
export function drillOf({ metadata, spec }: Cluster, backupId?: string) {
  const plugin = spec.plugins?.find(({ name }) => name === ARCHIVE_PLUGIN);
  const { database, owner, secret } = (spec.bootstrap.initdb ?? spec.bootstrap.recovery)!;
  const kept = KEPT.filter((key) => key in spec).map((key) => [key, spec[key]]);
  const target = backupId ? { backupID: backupId, targetImmediate: true } : undefined;
  const parameters = { ...plugin?.parameters, serverName: metadata.name };
  return {
    apiVersion: CLUSTER_API,
    kind: "Cluster",
    metadata: { generateName: `${metadata.name}-drill-`, labels: LABELS },
    spec: {
      ...(Object.fromEntries(kept) as object),
      instances: 1,
      enablePDB: false,
      ...recoveryFrom({ database, owner, secret }, parameters, target),
    },
  };
}

interface JobList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly failed?: number };
  }[];
}

/** The lines of a log that say what went wrong. */
const errorsIn = (log: string) =>
  readable(log.split("\n"))
    .filter((line) => /error|fatal/i.test(line))
    .slice(-5)
    .map((line) => `\n    ${line}`)
    .join("");

/** @throws OperatorError where the Job of the recovery has failed too often */
async function refuseFailed(place: ClusterPlace, name: string): Promise<void> {
  const { code, stdout } = await request(place, [
    "get",
    "jobs",
    `--selector=cnpg.io/cluster=${name}`,
    "--output=json",
  ]);
  const jobs = code === 0 ? (JSON.parse(stdout) as JobList).items : [];
  const failed = jobs.find(({ status }) => (status.failed ?? 0) >= TRIES);
  if (!failed) return;
  const log = await request(place, [
    "logs",
    `job/${failed.metadata.name}`,
    "--all-containers",
    "--tail=50",
  ]);
  throw new OperatorError(
    `the backups of ${place.stage} can't be recovered: Job ${failed.metadata.name} has failed ${TRIES} times; its log:${errorsIn(log.output)}`,
    `make backup STAGE=${place.stage} makes a new backup; make backups STAGE=${place.stage} lists them`,
  );
}

/** Waits until the cluster serves. @returns the pod of its server */
async function serverOf(place: ClusterPlace, name: string): Promise<string> {
  const watch = new RolloutWatch(place);
  let failure: RolloutFailure | undefined;
  void watch.failure.then((found) => (failure = found));
  watch.begin("Job", `${name}-1-full-recovery`);
  try {
    for (;;) {
      const { code, stdout } = await request(place, ["get", KIND, name, "--output=json"]);
      const { status } = (code === 0 ? JSON.parse(stdout) : {}) as Partial<Cluster>;
      const isReady = status?.conditions?.some(
        (condition) => condition.type === "Ready" && condition.status === "True",
      );
      if (isReady && status?.currentPrimary) return status.currentPrimary;
      if (failure)
        throw new OperatorError(
          describeFailure(failure).message,
          "remove the cause and run the command again",
        );
      await refuseFailed(place, name);
      await sleep(POLL_MS);
    }
  } finally {
    watch.stop();
  }
}

/** Reads every row of every table. */
async function contentOf(place: ClusterPlace, pod: string, database: string) {
  const { code, stdout, output } = await psqlIn(place, pod, database, readFileSync(TABLES, "utf8"));
  if (code !== 0)
    throw new OperatorError(
      `the tables of the recovered database can't be read: ${output.trim()}`,
      `the credentials must be allowed to create pods/exec; otherwise, make backup STAGE=${place.stage} makes a new backup`,
    );
  const rows = stdout.trim().split("\n").filter(Boolean);
  return {
    tables: rows.length,
    rows: rows.reduce((sum, line) => sum + Number(line.split("|")[1]), 0),
  };
}

/** @throws OperatorError where another drill runs, or one was killed */
async function refuseOthers(place: ClusterPlace): Promise<void> {
  const others = (await answerOf(place, ["get", KIND, SELECTOR, "--output=name"])).trim();
  if (others)
    throw new OperatorError(
      `another drill of ${place.stage} runs, or was killed: ${others.replaceAll("\n", ", ")}`,
      `wait for its end, or remove it: kubectl --context ${place.context} --namespace ${place.namespace} delete ${others.replaceAll("\n", " ")}`,
    );
}

/** The name of a backup in the bucket. @throws OperatorError where there is no complete backup of that name */
async function idOf(place: ClusterPlace, name: string): Promise<string> {
  const found = (await backupsOf(place)).find((backup) => backup.name === name);
  if (found?.ok && found.backupId && found.cluster === place.cluster) return found.backupId;
  throw new OperatorError(
    found
      ? `backup ${name} of ${found.cluster} can't be tried out: its phase is ${found.phase}`
      : `there is no backup ${name}`,
    `make backups STAGE=${place.stage} lists the backups; those of ${place.cluster} that are complete can be tried out`,
  );
}

/** @param wanted the name of a backup @default everything up to now */
export async function drill(place: ClusterPlace, wanted?: string): Promise<Drilled> {
  const begin = Date.now();
  await refuseOthers(place);
  const backupId = wanted ? await idOf(place, wanted) : undefined;
  const get = ["get", KIND, place.cluster, "--output=json"];
  const source = JSON.parse(await answerOf(place, get)) as Cluster;
  if (!wanted) await archiveUpToNow(place, source.status?.currentPrimary);
  const cluster = drillOf(source, backupId);
  const create = ["create", "--filename=-", "--output=name"];
  const created = await answerOf(place, create, JSON.stringify(cluster));
  const name = created.trim().split("/").at(-1)!;
  try {
    const pod = await serverOf(place, name);
    const content = await contentOf(place, pod, cluster.spec.bootstrap.recovery.database);
    if (!content.tables)
      throw new OperatorError(
        `the recovered database of ${place.stage} has no tables`,
        `make backup STAGE=${place.stage} makes a new backup`,
      );
    return { backup: wanted, ...content, seconds: Math.round((Date.now() - begin) / 1000) };
  } finally {
    await request(place, ["delete", KIND, name, "--ignore-not-found", "--wait=false"]);
  }
}
