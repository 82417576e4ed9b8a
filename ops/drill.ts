/** `make drill`: restores a backup into a server of its own and checks it, without touching the database in use. */
import { checkName } from "./lib/backups/backup.ts";
import { drill as recover } from "./lib/backups/clusterDrill.ts";
import { resultOf, runJob } from "./lib/backups/jobs.ts";
import { isOfCluster, placeOf, type ClusterPlace } from "./lib/backups/place.ts";
import { command } from "./lib/command.ts";
import { STAGE_ARGUMENTS, stageArgument, type Stage } from "./lib/stage.ts";

/** What `components/backup/drill.sh` prints. */
interface Drilled {
  readonly backup: string;
  readonly tables: number;
  readonly rows: number;
  readonly seconds: number;
}

/** What a drill with a CloudNativePG cluster has shown. */
async function drillCluster(place: ClusterPlace, wanted: string): Promise<void> {
  const { backup, tables, rows, seconds } = await recover(place, wanted || undefined);
  const what = backup ? `backup ${backup}` : "the newest backup, with all that was written since,";
  process.stdout.write(
    `${what} of ${place.stage} can be recovered: ${tables} tables with ${rows} rows, in ${seconds} s\n`,
  );
}

async function drill(stage: Stage, wanted = ""): Promise<void> {
  const { name } = stage;
  const place = await placeOf(stage);
  if (isOfCluster(place)) return drillCluster(place, wanted);
  if (wanted) checkName(name, wanted);
  const log = await runJob(place, {
    template: "drill",
    env: { BACKUP: wanted },
    fix: () =>
      `make backup STAGE=${name} makes a new backup; make backups STAGE=${name} says which are whole`,
  });
  const { backup, tables, rows, seconds } = resultOf(log) as Drilled;
  process.stdout.write(
    `backup ${backup} of ${name} can be restored: ${tables} tables with ${rows} rows are those that it recorded, in ${seconds} s\n`,
  );
}

await command(
  {
    name: "drill",
    summary:
      "Restores a backup, the newest one unless another is named, into a database server that runs for this alone, and " +
      "compares every table with what the backup recorded; with CloudNativePG, recovers into a cluster for this alone, and reads " +
      "every table. Nothing is left behind. Ends with 1 where the backup can't be used.",
    usage: [...STAGE_ARGUMENTS, "[<backup>]"],
    example: "make drill STAGE=dev",
  },
  ({ args }) => drill(stageArgument(args), args[2]),
);
