/** `make promote`: deploys the images that one stage runs to another one, without a build. */
import { command } from "./lib/command.ts";
import { OperatorError } from "./lib/errors.ts";
import { progress } from "./lib/output.ts";
import { release } from "./lib/release.ts";
import { pinCommands, shortCommit, shortTime } from "./lib/revisions/describe.ts";
import { differences } from "./lib/revisions/differences.ts";
import { promotable, refuseOlderImages, refuseOther } from "./lib/revisions/promotion.ts";
import { withImages, withStageFile } from "./lib/revisions/restore.ts";
import type { Revision } from "./lib/revisions/revision.ts";
import { listRevisions } from "./lib/revisions/store.ts";
import { settingsOf, stageOf, type Stage } from "./lib/stage.ts";
import { readYaml } from "./lib/yaml.ts";

const revisionsOf = async (stage: Stage) => listRevisions(await settingsOf(stage));

function announce(from: Stage, to: Stage, revision: Revision, before: Revision | undefined) {
  const { number, time, user, commit = null, dirty = null, images, migrations } = revision;
  const after = { images, migrations, stageFile: readYaml(to.file) };
  const changes = before && differences(before, after).map((change) => `    ${change}\n`);
  progress.write(
    `${to.name} gets the images of ${from.name}, revision ${number} (${shortTime(time)}, ${user}, ${shortCommit({ commit, dirty })})\n` +
      (changes
        ? `  what changes in ${to.name}, since its revision ${before.number}:\n${changes.join("") || "    nothing\n"}`
        : `  it is the first revision of ${to.name}\n`) +
      `  settings that differ from ${from.name}: make config-diff A=${from.name} B=${to.name}\n`,
  );
}

async function promote(
  from: Stage,
  to: Stage,
  approved: string | undefined,
  options: { yes: boolean; smoke: boolean },
) {
  if (from.name === to.name)
    throw new OperatorError(
      `${from.name} can't be promoted to itself`,
      "make promote FROM=staging TO=production",
    );
  const [sources, kept] = await Promise.all([revisionsOf(from), revisionsOf(to)]);
  const revision = promotable(from.name, sources);
  refuseOther(from.name, revision, approved);
  refuseOlderImages(from.name, revision, to.name, kept);
  announce(from, to, revision, kept[0]);
  const current = readYaml(to.file);
  const { number, images, migrations, backwardCompatible } = revision;
  const reuse = {
    outcome: `promoted from ${from.name} ${number}`,
    question: `Promote revision ${number} of ${from.name} to ${to.name}`,
    command: `make promote FROM=${from.name} TO=${to.name}`,
    stageFile: current,
    migrations,
    backwardCompatible,
  } as const;
  await withStageFile(to, withImages(current, images), (stage) =>
    release(stage, { ...options, reuse }),
  );
  process.stdout.write(
    `\n${to.name} runs the images of ${from.name}, revision ${number}. The next make up STAGE=${to.name} builds this checkout.\n` +
      `To keep the images beyond that, pin them (pulumi config rm undoes it):\n${pinCommands(to.name, images)}`,
  );
}

await command(
  {
    name: "promote",
    summary:
      "Deploys the images that one stage runs to another one, by digest and without a build, with the settings of the other stage. " +
      "First shows what changes there: images, migrations, settings. The stage files stay as they are. With the number of a " +
      "revision, it is refused where the first stage runs another one by now.",
    usage: ["<from>", "<to>", "[<stage file of from>]", "[<stage file of to>]", "[<revision>]"],
    example: "make promote FROM=staging TO=production",
    options: {
      yes: "ask nothing, as YES=1 in the environment does",
      smoke: "check the deployed stage as make smoke does, and fail where a check is not ok",
    },
  },
  ({ args: [from, to, fromFile, toFile, revision], options }) =>
    promote(stageOf(from!, fromFile), stageOf(to!, toFile), revision, options),
);
