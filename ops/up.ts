/** `make up`: checks, deploys one stage and prints its URL. Recovers by itself from a deploy that was killed. */
import { command } from "./lib/command.ts";
import { release } from "./lib/release.ts";
import { STAGE_ARGUMENTS, stageArgument } from "./lib/stage.ts";

await command(
  {
    name: "up",
    summary:
      "Checks what a stage needs, deploys it, waits until it is ready and prints its URL. Run again, it continues a deploy " +
      "that failed or was killed. NEW_CLUSTER=1 in the environment makes the stack forget a cluster that is gone for good. " +
      "AUTO_ROLLBACK=1 takes a release back that can't work, 0 does not; the default is automaticRollback of the stage file.",
    usage: STAGE_ARGUMENTS,
    example: "make up STAGE=staging",
    options: {
      yes: "deploy without asking, as YES=1 in the environment does",
      smoke: "check the deployed stage as make smoke does, and fail where a check is not ok",
    },
  },
  ({ args, options }) => release(stageArgument(args), options),
);
