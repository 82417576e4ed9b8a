/**
 * Finds what holds the data of a database inside the cluster, and refuses what would lose that data.
 *
 * The engine refuses to delete or replace a protected resource, but only when it reaches that resource. The app would use an
 * empty database by then. So a deploy checks this first.
 */
import { OperatorError } from "../errors.ts";
import { run } from "../run.ts";

/** The part of a resource in the state that shows whether and where it holds data. */
interface Recorded {
  readonly urn: string;
  readonly type: string;
  readonly delete?: boolean;
  readonly protect?: boolean;
  readonly retainOnDelete?: boolean;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** Where the configuration puts the database. */
interface Wanted {
  readonly namespace: string;
  readonly mode: string;
  /** Empty: the cluster's default. */
  readonly storageClassName: string;
  /** Name of the CloudNativePG cluster. */
  readonly clusterName: string;
  /** What a new CloudNativePG cluster is made from. */
  readonly recovery?: object;
}

/** The modes that keep their data in the cluster, by the type of the resource that holds it. */
const MODES: Readonly<Record<string, string>> = {
  "kubernetes:core/v1:PersistentVolumeClaim": "in-cluster",
  "kubernetes:postgresql.cnpg.io/v1:Cluster": "cloudnative-pg",
};

/** Whether resources of this type hold data, such as the volume of the in-cluster database. */
export const holdsData = (type: string): boolean => type in MODES;

/** The resources that hold data. */
const holders = (resources: readonly Recorded[]) =>
  resources.filter((resource) => holdsData(resource.type) && !resource.delete);

/** Whether an operator has removed the protection by hand, to leave the data behind: every deploy sets it. */
const isReleased = ({ protect, retainOnDelete }: Recorded) => !protect && retainOnDelete === true;

/** Whether it holds backups. Those need not follow the database, but another namespace needs another volume for them. */
const isBackup = ({ urn }: Recorded) => /:Backup\$/.test(urn);

/** The keys that have changed, each with the value under which the data is used, and the new one. */
function changesOf(holder: Recorded, wanted: Wanted): (readonly [string, string, string])[] {
  const { metadata, spec } = (holder.outputs ?? {}) as {
    readonly metadata?: { readonly namespace?: string; readonly name?: string };
    readonly spec?: { readonly storageClassName?: string };
  };
  const mode = MODES[holder.type]!;
  const { namespace = wanted.namespace, name = wanted.clusterName } = metadata ?? {};
  const { storageClassName = "" } = spec ?? {};
  const changes: (readonly [string, string, string])[] = [];
  if (mode !== wanted.mode && !isBackup(holder)) changes.push(["database.mode", mode, wanted.mode]);
  if (namespace !== wanted.namespace) changes.push(["namespace", namespace, wanted.namespace]);
  if (isBackup(holder)) return changes;
  if (mode === "in-cluster" && mode === wanted.mode)
    if (wanted.storageClassName && storageClassName && storageClassName !== wanted.storageClassName)
      changes.push(["database.storageClassName", storageClassName, wanted.storageClassName]);
  if (mode === "cloudnative-pg" && mode === wanted.mode && name !== wanted.clusterName)
    changes.push(["database.clusterName", name, wanted.clusterName]);
  return changes;
}

/**
 * Refuses a configuration under which the database would start empty.
 *
 * @throws OperatorError that names each key, what would be left behind, and how to move the data
 */
export function refuseDataLoss(
  stage: string,
  resources: readonly Recorded[],
  wanted: Wanted,
): void {
  for (const holder of holders(resources).filter((each) => !isReleased(each))) {
    const changes = changesOf(holder, wanted);
    if (!changes.length) continue;
    const lines = changes.map(([key, from, to]) => `  todo-app:${key}: ${from} → ${to}`);
    const { recovery } = wanted;
    const end = recovery
      ? "leave its database for one that is recovered from a backup"
      : "start with an empty database";
    throw new OperatorError(
      `${stage} would ${end}, and nothing was changed:\n${lines.join("\n")}\n` +
        `  the data is in ${holder.urn.split("::").slice(-1).join()} (${MODES[holder.type]!})`,
      recovery
        ? `let it go, as "Recover a CloudNativePG cluster" in docs/backup.md says: pulumi state unprotect --stack ${stage} '${holder.urn}'`
        : 'move the data first, as "Move the database" in docs/backup.md says, or take the change back',
    );
  }
}

/** Removes the protection of the data, so that it can be deleted with its stage. */
export async function unprotectData(stage: string, resources: readonly Recorded[]): Promise<void> {
  for (const { urn } of holders(resources).filter(({ protect }) => protect)) {
    const { code, output } = await run([
      "pulumi",
      "state",
      "unprotect",
      "--yes",
      "--stack",
      stage,
      urn,
    ]);
    if (code !== 0)
      throw new OperatorError(
        `the database of ${stage} can't be unprotected: ${output.trim()}`,
        `pulumi state unprotect --stack ${stage} '${urn}'`,
      );
  }
}

/** The protected resources that keep a stage from being removed: all but the database's data, which every stage protects. */
export const heldBesidesData = <T extends Recorded>(resources: readonly T[]): T[] =>
  resources.filter(({ protect, type }) => protect && !holdsData(type));
