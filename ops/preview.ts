/** `make preview`: shows what a deploy would change, and changes nothing. */
import { command } from "./lib/command.ts";
import { showDifference } from "./lib/engine/difference.ts";
import { plannedChanges } from "./lib/engine/plan.ts";
import { printJson } from "./lib/output.ts";
import { STAGE_ARGUMENTS, stageArgument } from "./lib/stage.ts";

await command(
  {
    name: "preview",
    summary: "Shows what `make up` would change in a stage, and changes nothing.",
    usage: STAGE_ARGUMENTS,
    example: "make preview STAGE=staging",
    options: { json: "print the changes as JSON, without the values of properties" },
  },
  async ({ args, options }) => {
    const stage = stageArgument(args);
    if (options.json) printJson(await plannedChanges(stage));
    else await showDifference(stage);
  },
);
