/** The database, its volume, and what a pod of the app sees of it. */
import { DATABASE_WORKLOAD } from "../../../../components/kubernetes/names.ts";
import { memoryBytes } from "../../../../components/kubernetes/resources.ts";
import { warningsAbout } from "../../watch/objects.ts";
import type { Found, Rule } from "../finding.ts";
import { isTrue, nameOf, statusOf, type LiveObject } from "../objects.ts";
import {
  find,
  isLabelled,
  kubectlOf,
  newest,
  ofKind,
  type Snapshot,
  type Volume,
} from "../snapshot.ts";
import { NOT_SERVING } from "./pods.ts";

/** The workload that is the database in the cluster, and the name of its StatefulSet. */
const SERVER = DATABASE_WORKLOAD;
/** From this share on, a volume should be made larger. */
const FULL_SHARE = 0.8;
/** The same for a volume that is a folder on a disk with other files, whose kubelet makes room by itself. */
const FULL_DISK_SHARE = 0.95;
const WRONG_PASSWORD = /password authentication failed/i;

/** What follows from a database that does not work. */
const NO_DATABASE = [
  "database-unreachable",
  "workload-not-ready",
  "service-without-endpoints",
  "migration-failed",
  "crash-loop",
  "backup-failed",
  "disruption-blocked",
];

function pendingClaims(snapshot: Snapshot): readonly Found[] {
  const { objects, around, stage } = snapshot;
  return ofKind(objects, "PersistentVolumeClaim")
    .filter(({ status, metadata }) => status?.phase !== "Bound" && !metadata.deletionTimestamp)
    .flatMap((claim): Found[] => {
      const event = warningsAbout(objects, claim).findLast(({ reason }) =>
        /^(ProvisioningFailed|FailedBinding)$/.test(reason ?? ""),
      );
      const wanted = claim.spec?.storageClassName ?? "";
      const classes = ofKind(around, "StorageClass").map(({ metadata }) => metadata.name);
      const isUnknown = !!wanted && classes.length > 0 && !classes.includes(wanted);
      // A claim may wait for its first pod. That is no failure.
      if (!event && !isUnknown && claim.status?.phase === "Pending") return [];
      const pods = ofKind(objects, "Pod").filter(({ spec }) =>
        spec?.volumes?.some(
          ({ persistentVolumeClaim: used }) => used?.claimName === claim.metadata.name,
        ),
      );
      return [
        {
          about: [nameOf(claim), ...pods.map(nameOf)],
          problem: `the volume claim ${claim.metadata.name} has no volume`,
          evidence: [
            `phase ${claim.status?.phase}`,
            ...(event ? [`${event.reason}: ${event.message}`] : []),
          ],
          cause: isUnknown
            ? `there is no StorageClass ${wanted}; there are: ${classes.join(", ")}`
            : "its StorageClass can't provide one",
          fix:
            `${kubectlOf(snapshot)} describe pvc ${claim.metadata.name} shows more; ` +
            `make preflight STAGE=${stage} checks the StorageClass; the class of a claim can't be changed`,
        },
      ];
    });
}

const percent = (used: number, size: number) => Math.floor((100 * used) / size);
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

/** A disk that is far larger than what the claim asks for is not a volume of its own. */
function isFull({ objects }: Snapshot, { claim, used, size }: Volume): boolean {
  const { storage } = find(objects, "PersistentVolumeClaim", claim)?.status?.capacity ?? {};
  const isShared = storage !== undefined && size > 2 * memoryBytes(storage);
  return used >= (isShared ? FULL_DISK_SHARE : FULL_SHARE) * size;
}

const fullVolumes = (snapshot: Snapshot): readonly Found[] =>
  snapshot.volumes
    .filter((volume) => isFull(snapshot, volume))
    .map(({ claim, used, size }) => ({
      about: [`PersistentVolumeClaim/${claim}`],
      problem: `the volume of claim ${claim} is ${percent(used, size)} % full`,
      evidence: [`${mebibytes(used)} of ${mebibytes(size)} are used`],
      cause: "the data has grown; a database whose volume is full stops",
      fix:
        `pulumi config set --stack ${snapshot.stage} --path todo-app:${claim === "backups" ? "backup" : "database"}.storage <more>, ` +
        `then make up STAGE=${snapshot.stage}; the StorageClass must allow volumes to grow`,
    }));

/** Kind and name of the server, or of the cluster of servers. */
const expected = (config: Snapshot["config"]): readonly [kind: string, name: string] =>
  config?.database.mode === "cloudnative-pg"
    ? ["Cluster", config.database.clusterName]
    : ["StatefulSet", SERVER];

/** The server, or the cluster of servers, that the stage should have in its namespace. */
function serverOf({ objects, config }: Snapshot): LiveObject | undefined | "none" {
  if (config?.database.mode === "external") return "none";
  return find(objects, ...expected(config)) ?? (config ? undefined : "none");
}

function databaseDown(snapshot: Snapshot): readonly Found[] {
  const server = serverOf(snapshot);
  const { stage, config } = snapshot;
  if (server === "none" || !ofKind(snapshot.objects, "Deployment").length) return [];
  if (!server)
    return [
      {
        about: [expected(config).join("/")],
        problem: "there is no database server",
        evidence: [],
        cause: "somebody has deleted it; the volume with the data is an object of its own",
        fix: `make heal STAGE=${stage} creates it again`,
      },
    ];
  const isReady =
    server.kind === "Cluster" ? isTrue(server, "Ready") : server.status?.readyReplicas;
  if (isReady) return [];
  const isStopped = server.spec?.replicas === 0;
  const scale = `scale statefulset/${SERVER} --replicas 1`;
  return [
    {
      about: [nameOf(server)],
      problem: isStopped ? "the database is scaled to 0" : "the database is not ready",
      evidence: [
        isStopped
          ? "spec.replicas is 0"
          : (statusOf(server, "Ready")?.message ??
            `${server.status?.readyReplicas ?? 0} of ${server.spec?.replicas ?? 1} servers are ready`),
        ...(snapshot.logs[`${SERVER}-0/${SERVER}`] ?? []).slice(-3).map((line) => `log: ${line}`),
      ],
      cause: isStopped ? "somebody has stopped it" : "its pod does not run, or does not answer",
      fix: isStopped
        ? `${kubectlOf(snapshot)} ${scale}`
        : `${kubectlOf(snapshot)} logs ${nameOf(server).toLowerCase()} --tail 50`,
    },
  ];
}

/** Log lines of pods in trouble that match. */
const logged = ({ logs }: Snapshot, pattern: RegExp) =>
  Object.entries(logs).flatMap(([container, lines]) => {
    const line = lines.findLast((each) => pattern.test(each));
    return line ? [`log of ${container}: ${line}`] : [];
  });

function wrongPassword(snapshot: Snapshot): readonly Found[] {
  const { inside, drift = [], stage, config } = snapshot;
  const isInside = inside && WRONG_PASSWORD.test(inside.database);
  const evidence = [
    ...(isInside ? [`pod ${inside.pod}: ${inside.database}`] : []),
    ...logged(snapshot, WRONG_PASSWORD),
  ];
  if (!evidence.length) return [];
  const changed = drift.filter(({ kind }) => kind === "Secret").map(({ name }) => name);
  const isExternal = config?.database.mode === "external";
  return [
    {
      about: changed.map((name) => `Secret/${name}`),
      problem: "the database refuses the password of the app",
      evidence: evidence.slice(0, 3),
      cause: changed.length
        ? `the Secret with the password was changed by hand: ${changed.join(", ")}`
        : "the password in the Secret and that of the role in the database differ",
      fix: changed.length
        ? `make heal STAGE=${stage} puts the Secret back`
        : isExternal
          ? `pulumi config set --stack ${stage} --secret todo-app:databaseUrl, then make up STAGE=${stage}`
          : `make rotate STAGE=${stage} SECRET=databasePassword sets a new one on both sides`,
    },
  ];
}

const dnsBlocked = (snapshot: Snapshot): readonly Found[] =>
  snapshot.inside?.dns
    ? [
        {
          problem: "pods can't resolve the name of the database",
          evidence: [`pod ${snapshot.inside.pod}: ${snapshot.inside.dns}`],
          cause:
            "the name service does not answer the pod, or there is no such Service: look for NetworkPolicies between them",
          fix: `${kubectlOf(snapshot, false)} --namespace kube-system logs --selector k8s-app=kube-dns --tail 20; make drift STAGE=${snapshot.stage}`,
        },
      ]
    : [];

const unreachable = (snapshot: Snapshot): readonly Found[] => {
  const { inside, config } = snapshot;
  if (!inside?.database || inside.dns || WRONG_PASSWORD.test(inside.database)) return [];
  return [
    {
      problem: "pods of the app can't use the database",
      evidence: [`pod ${inside.pod}: ${inside.database}`],
      cause:
        config?.database.mode === "external"
          ? "the server does not run, its address has changed, or a firewall stops the connection"
          : "the server does not answer, or a NetworkPolicy stops the connection",
      fix: `${kubectlOf(snapshot)} get pods,services,networkpolicies; make drift STAGE=${snapshot.stage}`,
    },
  ];
};

function failedMigration(snapshot: Snapshot): readonly Found[] {
  const { objects, logs, stage } = snapshot;
  const job = newest(ofKind(objects, "Job").filter(isLabelled("migration")));
  const failed = job && statusOf(job, "Failed");
  if (failed?.status !== "True") return [];
  const log = Object.entries(logs).find(([name]) => name.startsWith(`${job?.metadata.name}-`))?.[1];
  return [
    {
      about: [nameOf(job!)],
      problem: "the last migration of the schema has failed",
      evidence: [
        `${failed.reason}: ${failed.message}`,
        ...(log ?? []).slice(-3).map((line) => `log: ${line}`),
      ],
      cause: "the log of the Job says why; pods of the release before still serve",
      fix: `correct the migration, then make up STAGE=${stage}; ${kubectlOf(snapshot)} logs job/${job!.metadata.name}`,
    },
  ];
}

export const VOLUME_RULES: readonly Rule[] = [
  {
    name: "volume-pending",
    knows: "a volume claim gets no volume",
    explains: ["unschedulable", "database-down", ...NO_DATABASE],
    find: pendingClaims,
  },
  {
    name: "volume-full",
    knows: "the volume of the database or of its backups is at least 80 % full",
    explains: ["crash-loop", "database-down", ...NO_DATABASE],
    find: fullVolumes,
  },
];

export const DATABASE_RULES: readonly Rule[] = [
  {
    name: "database-down",
    knows: "the database in the cluster is stopped, gone or not ready",
    explains: NO_DATABASE,
    find: databaseDown,
  },
  {
    name: "database-password",
    knows: "the database refuses the password of the app",
    explains: ["secret-changed", ...NO_DATABASE],
    find: wrongPassword,
  },
];

export const MIGRATION_RULE: Rule = {
  name: "migration-failed",
  knows: "the newest migration has failed",
  explains: NOT_SERVING,
  find: failedMigration,
};

export const REACH_RULES: readonly Rule[] = [
  {
    name: "dns-blocked",
    knows: "a backend pod gets no answer from the name service",
    explains: NO_DATABASE,
    find: dnsBlocked,
  },
  {
    name: "database-unreachable",
    knows: "a backend pod can't use the database, for example an external one",
    explains: NO_DATABASE.filter((name) => name !== "database-unreachable"),
    find: unreachable,
  },
];
