/** `make backups`: lists the backups of the database of a stage, and whether they can be used. */
import { ageText, described, sizeText, type Described, type Listed } from "./lib/backups/backup.ts";
import { backupsOf, failedLast, type ClusterBackup } from "./lib/backups/clusterBackups.ts";
import { runJob } from "./lib/backups/jobs.ts";
import { isOfCluster, placeOf, type ClusterPlace, type Place } from "./lib/backups/place.ts";
import { command } from "./lib/command.ts";
import { OperatorError } from "./lib/errors.ts";
import { printJson } from "./lib/output.ts";
import { shortTime } from "./lib/revisions/describe.ts";
import { STAGE_ARGUMENTS, stageArgument, type Stage } from "./lib/stage.ts";

async function dumpsOf(place: Place): Promise<readonly Described[]> {
  const fix = () => "remove the cause and run the command again";
  const list = { program: "list.sh", name: "backups", env: { LIST: "true" } };
  const log = await runJob(place, { template: "restore", ...list, fix });
  const listed = log.map((line) => JSON.parse(line) as Listed);
  return described(listed, Date.now());
}

const showNone = (stage: string): void =>
  void process.stdout.write(
    `there is no backup of ${stage} yet; make backup STAGE=${stage} makes one\n`,
  );

const lineOf = ({ name, time, bytes, ageSeconds, problem }: Described) =>
  `  ${name}  ${shortTime(time)}  ${sizeText(bytes).padStart(8)}  ` +
  `${ageText(ageSeconds).padStart(7)} ago  ${problem ?? "ok"}\n`;

async function showDumps(place: Place): Promise<void> {
  const backups = await dumpsOf(place);
  const { stage, namespace, context } = place;
  if (!backups.length) return showNone(stage);
  process.stdout.write(
    `backups of ${stage}, in namespace ${namespace} of context ${context}\n\n` +
      `${backups.map(lineOf).join("")}\n` +
      `make restore STAGE=${stage} BACKUP=<name> restores one, make drill STAGE=${stage} tries one out\n`,
  );
  if (backups.some(({ checked }) => checked === "size"))
    process.stdout.write(
      "of a dump in the bucket, only the size was compared; a drill and a restore compare all of it\n",
    );
  const broken = backups.filter(({ ok }) => !ok).map(({ name }) => name);
  if (broken.length)
    throw new OperatorError(
      `${broken.length} of ${backups.length} backups can't be used: ${broken.join(", ")}`,
      `make backup STAGE=${stage} makes a new one; look at the volume or the bucket, which may be failing`,
    );
}

const clusterLineOf = ({ name, time, ageSeconds, phase, problem }: ClusterBackup) =>
  `  ${name}  ${shortTime(time)}  ${ageText(ageSeconds).padStart(7)} ago  ${phase}${problem ? `: ${problem}` : ""}\n`;

async function showOfCluster(place: ClusterPlace): Promise<void> {
  const backups = await backupsOf(place);
  const { stage, namespace, context } = place;
  if (!backups.length) return showNone(stage);
  process.stdout.write(
    `backups of ${stage}, in namespace ${namespace} of context ${context}\n\n` +
      `${backups.map(clusterLineOf).join("")}\n` +
      `make drill STAGE=${stage} tries out the newest one; docs/backup.md, "Recover a CloudNativePG cluster", says how to go back\n`,
  );
  if (failedLast(place, backups))
    throw new OperatorError(
      `the newest backup of ${stage} has failed`,
      `remove the cause, then make backup STAGE=${stage}`,
    );
}

async function show(stage: Stage): Promise<void> {
  const place = await placeOf(stage);
  return isOfCluster(place) ? showOfCluster(place) : showDumps(place);
}

async function showJson(stage: Stage): Promise<void> {
  const place = await placeOf(stage);
  const { context, namespace } = place;
  const print = (backups: readonly (Described | ClusterBackup)[]) =>
    printJson({ stage: stage.name, context, namespace, backups });
  if (isOfCluster(place)) {
    const backups = await backupsOf(place);
    print(backups);
    if (failedLast(place, backups)) process.exitCode = 1;
  } else {
    const backups = await dumpsOf(place);
    print(backups);
    if (backups.some(({ ok }) => !ok)) process.exitCode = 1;
  }
}

await command(
  {
    name: "backups",
    summary:
      "Lists the backups of the database that the stack runs in the cluster, newest first: name, time, size, age, and whether " +
      "the files are those that were written; in a bucket, of a dump only the size. Ends with 1 where one is not. With " +
      "CloudNativePG: name, time, age and phase; ends with 1 where the newest one has failed.",
    usage: STAGE_ARGUMENTS,
    example: "make backups STAGE=dev",
    options: { json: "print the backups as JSON" },
  },
  ({ args, options }) => (options.json ? showJson : show)(stageArgument(args)),
);
