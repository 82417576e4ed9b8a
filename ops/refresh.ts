/**
 * `make refresh`: shows what was changed by hand in the cluster, and changes nothing: neither the cluster nor the state.
 *
 * Usage: node ops/refresh.ts [<stage> [<stage file>]]
 */
import { main } from "./command.ts";
import { showDifference } from "./lib/difference.ts";
import { stageArgument } from "./stage.ts";

const stage = stageArgument();
await main(async () => {
  await showDifference(stage, "refresh", "--preview-only");
  process.stdout.write(
    `\nnothing was changed: make up STAGE=${stage.name} puts back what the stack sets; ` +
      `pulumi refresh --stack ${stage.name} takes the differences over into the state\n`,
  );
});
