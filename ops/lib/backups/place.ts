/** Finds where the backups of a stage are, and refuses stages whose database is backed up by somebody else. */
import { OperatorError } from "../errors.ts";
import { effectiveConfig, settingsIn, stageValues, type Settings, type Stage } from "../stage.ts";
import { verifyCluster } from "../state/clusterIdentity.ts";
import { exportState } from "../state/state.ts";

/** Where the backups of a stage are. */
export interface Place extends Omit<Settings, "automaticRollback"> {
  readonly stage: string;
}

/** The part of a configuration that says who makes backups. */
export interface Wanted {
  readonly database: { readonly mode: string };
  readonly backup: { readonly enabled: boolean };
}

const DOCS = 'docs/operations.md, "Back up and restore"';

/** Who makes the backups of a database that is not the stack's own server. */
const OWNERS: Readonly<Record<string, readonly [text: string, fix: string]>> = {
  external: [
    "is external: whoever runs it makes its backups",
    `ask its owner for backups, and for a restore that was tried; see ${DOCS}`,
  ],
  "cloudnative-pg": [
    "is run by CloudNativePG, which makes backups by itself",
    `create a ScheduledBackup of the operator, and restore into a new Cluster; see ${DOCS}`,
  ],
};

/** @throws OperatorError unless the stack makes the backups of the stage's database */
export function requireBackups(stage: string, config: Wanted | undefined): void {
  if (!config)
    throw new OperatorError(
      `the configuration of ${stage} has a problem`,
      `make preview STAGE=${stage} shows it`,
    );
  const owner = OWNERS[config.database.mode];
  if (owner) throw new OperatorError(`the database of ${stage} ${owner[0]}`, owner[1]);
  if (!config.backup.enabled)
    throw new OperatorError(
      `backups of ${stage} are switched off`,
      `pulumi config set --stack ${stage} --path todo-app:backup.enabled true, then make up STAGE=${stage}`,
    );
}

/**
 * Where the backups of a stage are.
 *
 * @throws OperatorError where there are none, or where the context leads to another cluster than the stack's
 */
export async function placeOf(stage: Stage): Promise<Place> {
  const values = await stageValues(stage);
  requireBackups(stage.name, effectiveConfig(stage.name, values));
  const settings = settingsIn(stage.name, values);
  const state = await exportState(stage.name);
  await verifyCluster(stage.name, state, settings.context);
  return { ...settings, stage: stage.name };
}
