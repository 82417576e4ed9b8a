/** `make backup`: makes a backup of the database of a stage now. */
import { sizeText } from "./lib/backups/backup.ts";
import { makeBackup } from "./lib/backups/clusterBackups.ts";
import { resultOf, runJob } from "./lib/backups/jobs.ts";
import { isOfCluster, placeOf, type ClusterPlace, type Place } from "./lib/backups/place.ts";
import { command } from "./lib/command.ts";
import { STAGE_ARGUMENTS, stageArgument, type Stage } from "./lib/stage.ts";

/** What `components/backup/backup.sh` prints. */
interface Made {
  readonly name: string;
  readonly bytes: number;
  readonly seconds: number;
}

async function dump(place: Place): Promise<void> {
  const fix = () =>
    "remove the cause and run the command again; earlier backups are as they were. A full volume: " +
    `raise todo-app:backup.storage or lower todo-app:backup.keep, then make up STAGE=${place.stage}`;
  const log = await runJob(place, { template: "backup", fix });
  const { name, bytes, seconds } = resultOf(log) as Made;
  process.stdout.write(`backup ${name} of ${place.stage}: ${sizeText(bytes)} in ${seconds} s\n`);
}

async function askOperator(place: ClusterPlace): Promise<void> {
  const begin = Date.now();
  const { metadata } = await makeBackup(place);
  const seconds = Math.round((Date.now() - begin) / 1000);
  process.stdout.write(`backup ${metadata.name} of ${place.stage}: complete in ${seconds} s\n`);
}

async function backUp(stage: Stage): Promise<void> {
  const place = await placeOf(stage);
  return isOfCluster(place) ? askOperator(place) : dump(place);
}

await command(
  {
    name: "backup",
    summary:
      "Makes a backup of the database that the stack runs in the cluster, now, and prints its name: an encrypted dump, or with " +
      "CloudNativePG one by the operator. Other backups are made on the schedule of todo-app:backup. Old ones are removed.",
    usage: STAGE_ARGUMENTS,
    example: "make backup STAGE=dev",
  },
  ({ args }) => backUp(stageArgument(args)),
);
