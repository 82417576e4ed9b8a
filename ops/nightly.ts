/** `make nightly`: the checks of a stage that a pipeline makes each night, as the text of an issue. */
import { command } from "./lib/command.ts";
import { checksOf, reportOf } from "./lib/nightly/nightly.ts";
import { STAGE_ARGUMENTS, effectiveConfig, stageArgument, stageValues } from "./lib/stage.ts";

/** The address of the run in GitHub Actions that makes the checks; undefined outside of one. */
function logOf({ GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID }: NodeJS.ProcessEnv) {
  return GITHUB_RUN_ID
    ? `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}`
    : undefined;
}

await command(
  {
    name: "nightly",
    summary:
      "Checks whether a stage was changed by hand, as make drift does, and tries out its newest backup, as make drill does, where " +
      "the stack makes backups of its database. Prints a report in Markdown. Ends with 1 where something is wrong.",
    usage: STAGE_ARGUMENTS,
    example: "make --silent nightly STAGE=staging",
  },
  async ({ args }) => {
    const stage = stageArgument(args);
    const config = effectiveConfig(stage.name, await stageValues(stage));
    const checks = await checksOf(stage, config);
    process.stdout.write(reportOf(stage.name, checks, logOf(process.env)));
    if (!checks.every(({ ok }) => ok)) process.exitCode = 1;
  },
);
