/** `make backup`: makes a backup of the in-cluster database of a stage now. */
import { sizeText } from "./lib/backups/backup.ts";
import { resultOf, runJob } from "./lib/backups/jobs.ts";
import { placeOf } from "./lib/backups/place.ts";
import { command } from "./lib/command.ts";
import { STAGE_ARGUMENTS, stageArgument, type Stage } from "./lib/stage.ts";

/** What `components/backup/backup.sh` prints. */
interface Made {
  readonly name: string;
  readonly bytes: number;
  readonly seconds: number;
}

async function backUp(stage: Stage): Promise<void> {
  const fix = () =>
    "remove the cause and run the command again; earlier backups are as they were. A full volume: " +
    `raise todo-app:backup.storage or lower todo-app:backup.keep, then make up STAGE=${stage.name}`;
  const log = await runJob(await placeOf(stage), { template: "backup", fix });
  const { name, bytes, seconds } = resultOf(log) as Made;
  process.stdout.write(`backup ${name} of ${stage.name}: ${sizeText(bytes)} in ${seconds} s\n`);
}

await command(
  {
    name: "backup",
    summary:
      "Makes an encrypted backup of the database that the stack runs in the cluster, now, and prints its name. Other backups " +
      "are made on the schedule of todo-app:backup. The oldest ones beyond backup.keep are removed.",
    usage: STAGE_ARGUMENTS,
    example: "make backup STAGE=dev",
  },
  ({ args }) => backUp(stageArgument(args)),
);
