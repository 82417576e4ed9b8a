/** `make backups`: lists the backups of the in-cluster database of a stage, and whether their files are whole. */
import { ageText, described, sizeText, type Described, type Listed } from "./lib/backups/backup.ts";
import { runJob } from "./lib/backups/jobs.ts";
import { placeOf, type Place } from "./lib/backups/place.ts";
import { command } from "./lib/command.ts";
import { OperatorError } from "./lib/errors.ts";
import { printJson } from "./lib/output.ts";
import { shortTime } from "./lib/revisions/describe.ts";
import { STAGE_ARGUMENTS, stageArgument, type Stage } from "./lib/stage.ts";

async function backupsOf(place: Place): Promise<readonly Described[]> {
  const fix = () => "remove the cause and run the command again";
  const list = { program: "list.sh", name: "backups", env: { LIST: "true" } };
  const log = await runJob(place, { template: "restore", ...list, fix });
  const listed = log.map((line) => JSON.parse(line) as Listed);
  return described(listed, Date.now());
}

const lineOf = ({ name, time, bytes, ageSeconds, problem }: Described) =>
  `  ${name}  ${shortTime(time)}  ${sizeText(bytes).padStart(8)}  ` +
  `${ageText(ageSeconds).padStart(7)} ago  ${problem ?? "ok"}\n`;

async function show(stage: Stage): Promise<void> {
  const place = await placeOf(stage);
  const backups = await backupsOf(place);
  if (!backups.length) {
    process.stdout.write(
      `there is no backup of ${stage.name} yet; make backup STAGE=${stage.name} makes one\n`,
    );
    return;
  }
  const { namespace, context } = place;
  process.stdout.write(
    `backups of ${stage.name}, in namespace ${namespace} of context ${context}\n\n` +
      `${backups.map(lineOf).join("")}\n` +
      `make restore STAGE=${stage.name} BACKUP=<name> restores one, make drill STAGE=${stage.name} tries one out\n`,
  );
  if (backups.some(({ checked }) => checked === "size"))
    process.stdout.write(
      "of a dump in the bucket, only the size was compared; a drill and a restore compare all of it\n",
    );
  const broken = backups.filter(({ ok }) => !ok).map(({ name }) => name);
  if (broken.length)
    throw new OperatorError(
      `${broken.length} of ${backups.length} backups can't be used: ${broken.join(", ")}`,
      `make backup STAGE=${stage.name} makes a new one; look at the volume or the bucket, which may be failing`,
    );
}

async function showJson(stage: Stage): Promise<void> {
  const place = await placeOf(stage);
  const backups = await backupsOf(place);
  const { context, namespace } = place;
  printJson({ stage: stage.name, context, namespace, backups });
  if (backups.some(({ ok }) => !ok)) process.exitCode = 1;
}

await command(
  {
    name: "backups",
    summary:
      "Lists the backups of the database that the stack runs in the cluster, newest first: name, time, size, age, and whether " +
      "the files are those that were written; in a bucket, of a dump only the size. Ends with 1 where one is not.",
    usage: STAGE_ARGUMENTS,
    example: "make backups STAGE=dev",
    options: { json: "print the backups as JSON" },
  },
  ({ args, options }) => (options.json ? showJson : show)(stageArgument(args)),
);
