/** `make canary-abort`: removes the canary of a stage. */
import { abortCanary } from "./lib/canary/canary.ts";
import { command } from "./lib/command.ts";
import { STAGE_ARGUMENTS, stageArgument } from "./lib/stage.ts";

await command(
  {
    name: "canary-abort",
    summary:
      "Takes the canary that runs in a stage out of the route, and then removes it. The release beside it serves all requests " +
      "again. No request is lost.",
    usage: STAGE_ARGUMENTS,
    example: "make canary-abort STAGE=staging",
    options: { yes: "ask nothing, as YES=1 in the environment does" },
  },
  ({ args, options }) => abortCanary(stageArgument(args), options),
);
