/** `make rollback`: deploys the images and the settings of an earlier revision again, without a build. */
import { command } from "./lib/command.ts";
import { existingStack } from "./lib/engine/engine.ts";
import { pinCommands } from "./lib/revisions/describe.ts";
import { settingDifferences } from "./lib/revisions/differences.ts";
import { defaultTarget, lastDeployOf, namedTarget } from "./lib/revisions/restore.ts";
import { migrationsInSource, type Revision } from "./lib/revisions/revision.ts";
import { rollBack } from "./lib/revisions/rollback.ts";
import { listRevisions } from "./lib/revisions/store.ts";
import { STAGE_ARGUMENTS, settingsOf, shortName, stageArgument, type Stage } from "./lib/stage.ts";
import { readYaml } from "./lib/yaml.ts";

/** Says how to keep the revision: the next `make up` deploys what the checkout and its stage file say. */
function advise({ name, file }: Stage, target: Revision): void {
  const { number, commit, dirty, images, stageFile } = target;
  const ownFile = `Pulumi.${shortName(name)}.yaml`;
  const settings = settingDifferences(readYaml(file), stageFile);
  process.stdout.write(
    `\n${name} runs revision ${number} again. The next make up STAGE=${name} deploys this checkout and ${ownFile}.\n` +
      "To keep the revision beyond that:\n" +
      (commit && !dirty
        ? `  - revert the commits since ${commit}, or deploy that commit: git switch --detach ${commit}\n  - or `
        : "  - ") +
      `pin the images, until the source is mended (pulumi config rm undoes it):\n${pinCommands(name, images)}` +
      settings.map((setting) => `  - put back in ${ownFile}: ${setting}\n`).join(""),
  );
}

interface Options {
  readonly yes: boolean;
  readonly newerSchema: boolean;
}

async function rollback(stage: Stage, wanted: string | undefined, options: Options): Promise<void> {
  const stack = await existingStack(stage.name, " to roll back");
  const revisions = await listRevisions(await settingsOf(stage));
  const last = await lastDeployOf(stack);
  const revision =
    wanted === undefined
      ? defaultTarget(stage.name, revisions, last)
      : namedTarget(stage.name, revisions, wanted);
  // A deploy that did not succeed may have migrated the schema, and is no revision.
  const unrecorded = last.end === "succeeded" ? {} : migrationsInSource();
  const deployed = await rollBack(stage, revision, revisions, options, unrecorded);
  advise(stage, deployed);
}

await command(
  {
    name: "rollback",
    summary:
      "Deploys the images and the settings of an earlier revision again, without a build, through the same checks as make up. " +
      "Without a revision, it goes back to the one before the current one, or to the newest one where the last deploy failed. " +
      "The stage file stays as it is.",
    usage: [...STAGE_ARGUMENTS, "[<revision>]"],
    example: "make rollback STAGE=staging TO=3",
    options: {
      yes: "ask nothing, as YES=1 in the environment does",
      "newer-schema":
        "accept a database with migrations that the images of that revision do not know",
    },
  },
  ({ args, options }) =>
    rollback(stageArgument(args), args[2], {
      yes: options.yes,
      newerSchema: options["newer-schema"],
    }),
);
