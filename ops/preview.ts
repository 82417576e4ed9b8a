/** `make preview`: shows what a deploy would change, and changes nothing. */
import { command } from "./lib/command.ts";
import { showDifference } from "./lib/engine/difference.ts";
import { plannedChanges } from "./lib/engine/plan.ts";
import { printJson, reserveStdout } from "./lib/output.ts";
import { commentOf } from "./lib/review/markdown.ts";
import { reviewStage } from "./lib/review/review.ts";
import { STAGE_ARGUMENTS, stageArgument, type Stage } from "./lib/stage.ts";

/** Prints the comment also where the preview fails: it then says why. */
async function printComment(stage: Stage): Promise<void> {
  reserveStdout();
  const { review, failure } = await reviewStage(stage);
  process.stdout.write(commentOf(review));
  if (failure) throw failure;
}

await command(
  {
    name: "preview",
    summary: "Shows what `make up` would change in a stage, and changes nothing.",
    usage: STAGE_ARGUMENTS,
    example: "make preview STAGE=staging",
    options: {
      json: "print the changes as JSON, without the values of properties",
      markdown: "print the changes as the comment of a pull request, without secrets",
    },
    exclusive: ["json", "markdown"],
  },
  async ({ args, options }) => {
    const stage = stageArgument(args);
    if (options.json) printJson(await plannedChanges(stage));
    else if (options.markdown) await printComment(stage);
    else await showDifference(stage);
  },
);
