/** `make canary-promote`: makes the canary of a stage its release, without a build. */
import { promoteCanary } from "./lib/canary/canary.ts";
import { command } from "./lib/command.ts";
import { STAGE_ARGUMENTS, stageArgument } from "./lib/stage.ts";

await command(
  {
    name: "canary-promote",
    summary:
      "Deploys the images of the canary that runs in a stage as its release, without a build, and records a revision. Then takes " +
      "the canary out of the route and removes it. No request is lost.",
    usage: STAGE_ARGUMENTS,
    example: "make canary-promote STAGE=staging",
    options: { yes: "ask nothing, as YES=1 in the environment does" },
  },
  ({ args, options }) => promoteCanary(stageArgument(args), options),
);
