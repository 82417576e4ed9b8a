/** The backups of a CloudNativePG cluster in a bucket. */
import type { Found } from "../finding.ts";
import { nameOf, statusOf } from "../objects.ts";
import { kubectlOf, newest, ofKind, type Snapshot } from "../snapshot.ts";

export const suspendedSchedules = (snapshot: Snapshot): readonly Found[] =>
  ofKind(snapshot.objects, "ScheduledBackup")
    .filter(({ spec }) => spec?.suspend)
    .map((schedule) => ({
      about: [nameOf(schedule)],
      problem: "no backups are made: the ScheduledBackup is suspended",
      evidence: ["spec.suspend is true"],
      cause: "somebody has suspended it",
      fix: `${kubectlOf(snapshot)} patch scheduledbackup ${schedule.metadata.name} --type merge --patch '{"spec":{"suspend":false}}'`,
    }));

/** The write-ahead log of a cluster does not reach the bucket. Nothing since then can be recovered. */
const failingArchives = (snapshot: Snapshot): readonly Found[] =>
  ofKind(snapshot.objects, "Cluster").flatMap((cluster) => {
    const archiving = statusOf(cluster, "ContinuousArchiving");
    if (archiving?.status !== "False") return [];
    const { message = "" } = archiving;
    const isOfAnother = /empty archive/i.test(message);
    return [
      {
        about: [nameOf(cluster)],
        problem: `the write-ahead log of cluster ${cluster.metadata.name} can't be archived`,
        evidence: [`${archiving.reason}: ${message}`],
        cause: isOfAnother
          ? "its folder in the bucket has the archive of an earlier cluster of this name"
          : "the bucket does not answer, or refuses the key; what is not archived stays on the volume and fills it",
        fix: isOfAnother
          ? `set todo-app:backup.s3.prefix to a folder that no cluster has used, then make up STAGE=${snapshot.stage}`
          : `${kubectlOf(snapshot)} logs --selector cnpg.io/cluster=${cluster.metadata.name} --container plugin-barman-cloud --tail 20`,
      },
    ];
  });

export function failedBackups(snapshot: Snapshot): readonly Found[] {
  const backup = newest(ofKind(snapshot.objects, "Backup"));
  const { phase, error } = backup?.status ?? {};
  const failed: Found = {
    about: backup ? [nameOf(backup)] : [],
    problem: "the last backup has failed",
    evidence: [`${backup?.metadata.name}: ${error ?? "the operator gives no reason"}`],
    cause: "the operator or its plugin says why",
    fix:
      `remove the cause, then make backup STAGE=${snapshot.stage}; ` +
      `${kubectlOf(snapshot)} logs --selector cnpg.io/podRole=instance --container plugin-barman-cloud --tail 20`,
  };
  const archives = failingArchives(snapshot);
  return archives.length || phase !== "failed" ? archives : [failed];
}
