/** Finds where the backups of a stage are, and refuses stages whose database is backed up by somebody else. */
import { OperatorError } from "../errors.ts";
import { effectiveConfig, settingsIn, stageValues, type Settings, type Stage } from "../stage.ts";
import { verifyCluster } from "../state/clusterIdentity.ts";
import { exportState } from "../state/state.ts";

/** Where the backups of a stage are. */
export interface Place extends Omit<Settings, "automaticRollback"> {
  readonly stage: string;
}

/** The place of a CloudNativePG cluster, and its name. */
export interface ClusterPlace extends Place {
  readonly cluster: string;
}

/** The part of a configuration that says who makes backups. */
export interface Wanted {
  readonly database: { readonly mode: string };
  readonly backup: { readonly enabled: boolean };
}

const DOCS = "docs/backup.md";

/** What else is set to switch on the backups of a mode. */
const BUCKET: Readonly<Record<string, string>> = {
  "cloudnative-pg": 'with the bucket as docs/backup.md, "Back up a CloudNativePG cluster", says, ',
};

/** @throws OperatorError unless the stack makes the backups of the stage's database */
export function requireBackups(stage: string, config: Wanted | undefined): void {
  if (!config)
    throw new OperatorError(
      `the configuration of ${stage} has a problem`,
      `make preview STAGE=${stage} shows it`,
    );
  const { mode } = config.database;
  if (mode === "external")
    throw new OperatorError(
      `the database of ${stage} is external: whoever runs it makes its backups`,
      `ask its owner for backups, and for a restore that was tried; see ${DOCS}`,
    );
  if (!config.backup.enabled)
    throw new OperatorError(
      `backups of ${stage} are switched off`,
      `pulumi config set --stack ${stage} --path todo-app:backup.enabled true, ${BUCKET[mode] ?? ""}then make up STAGE=${stage}`,
    );
}

/** Whether the CloudNativePG operator makes the backups. */
export const isOfCluster = (place: Place | ClusterPlace): place is ClusterPlace =>
  "cluster" in place;

/**
 * Where the backups of a stage are.
 *
 * @throws OperatorError where there are none, or where the context leads to another cluster than the stack's
 */
export async function placeOf(stage: Stage): Promise<Place | ClusterPlace> {
  const values = await stageValues(stage);
  const config = effectiveConfig(stage.name, values);
  requireBackups(stage.name, config);
  const settings = settingsIn(stage.name, values);
  const state = await exportState(stage.name);
  await verifyCluster(stage.name, state, settings.context);
  const place = { ...settings, stage: stage.name };
  if (config?.database.mode !== "cloudnative-pg") return place;
  return { ...place, cluster: config.database.clusterName };
}
