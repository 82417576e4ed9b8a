/** `make restore`: brings the in-cluster database of a stage back to a backup; the database before it is kept. */
import { checkName, fixOfRestore, recoverInstead } from "./lib/backups/backup.ts";
import { resultOf, runJob, running } from "./lib/backups/jobs.ts";
import { isOfCluster, placeOf } from "./lib/backups/place.ts";
import { command } from "./lib/command.ts";
import { confirm } from "./lib/confirm.ts";
import { OperatorError } from "./lib/errors.ts";
import { STAGE_ARGUMENTS, stageArgument, type Stage } from "./lib/stage.ts";

/** What `components/backup/restore.sh` prints. */
interface Restored {
  readonly backup: string;
  /** The name that the database before it has now. */
  readonly old: string;
  readonly tables: number;
  readonly seconds: number;
}

interface Options {
  readonly yes: boolean;
  readonly otherSchema: boolean;
}

async function restore(stage: Stage, backup: string | undefined, options: Options): Promise<void> {
  const { name } = stage;
  if (backup === undefined)
    throw new OperatorError(
      "no backup is named",
      `make restore STAGE=${name} BACKUP=<name>; make backups STAGE=${name} lists the backups`,
    );
  const place = await placeOf(stage);
  if (isOfCluster(place)) throw recoverInstead(place);
  checkName(name, backup);
  const { context, namespace } = place;
  const others = await running(place, "restore");
  if (others.length)
    throw new OperatorError(
      `another restore of ${name} is running: ${others.join(", ")}`,
      `wait for its end: kubectl --context ${context} --namespace ${namespace} get jobs`,
    );
  const again = `make restore STAGE=${name} BACKUP=${backup}`;
  if (place.protected)
    await confirm(
      `Restore backup ${backup} of ${name}, namespace ${namespace} of context ${context}? What was written since it was made will be in the old database only`,
      again,
      options,
    );
  const log = await runJob(place, {
    template: "restore",
    env: { BACKUP: backup, OTHER_SCHEMA: String(options.otherSchema) },
    fix: (message) => fixOfRestore(name, backup, message),
  });
  const { old, tables, seconds } = resultOf(log) as Restored;
  process.stdout.write(
    `${name} has the data of backup ${backup}: ${tables} tables, compared with what the backup recorded, in ${seconds} s\n` +
      `  the database before it is kept as ${old}; when nobody needs it any more:\n` +
      `  kubectl --context ${context} --namespace ${namespace} exec statefulset/postgres -- psql -U todo -d todo -c 'DROP DATABASE ${old}'\n`,
  );
}

await command(
  {
    name: "restore",
    summary:
      "Restores a backup into a new database, compares every table with what the backup recorded, and then switches to it in " +
      "one transaction, which ends the app's connections. The database before it is kept. A restore that fails changes nothing.",
    usage: [...STAGE_ARGUMENTS, "[<backup>]"],
    example: "make restore STAGE=dev BACKUP=20260302-021700",
    options: {
      yes: "ask nothing, as YES=1 in the environment does",
      "other-schema": "accept a backup whose schema is not that of the database in use",
    },
  },
  ({ args, options }) =>
    restore(stageArgument(args), args[2], {
      yes: options.yes,
      otherSchema: options["other-schema"],
    }),
);
