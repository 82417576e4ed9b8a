/** `make refresh`: shows what was changed by hand in the cluster, and changes neither the cluster nor the state. */
import { command } from "./lib/command.ts";
import { showDifference } from "./lib/engine/difference.ts";
import { STAGE_ARGUMENTS, stageArgument } from "./lib/stage.ts";

await command(
  {
    name: "refresh",
    summary:
      "Shows what was changed by hand in the cluster of a stage, and changes neither the cluster nor the state.",
    usage: STAGE_ARGUMENTS,
    example: "make refresh STAGE=staging",
  },
  async ({ args }) => {
    const stage = stageArgument(args);
    await showDifference(stage, "refresh", "--preview-only");
    process.stdout.write(
      `\nnothing was changed: make up STAGE=${stage.name} puts back what the stack sets; ` +
        `pulumi refresh --stack ${stage.name} takes the differences over into the state\n`,
    );
  },
);
