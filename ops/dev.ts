/** `make dev`: deploys a stage for development, and copies each change of the sources into its pods. */
import { command } from "./lib/command.ts";
import { develop } from "./lib/dev/develop.ts";
import { STAGE_ARGUMENTS, stageArgument } from "./lib/stage.ts";

await command(
  {
    name: "dev",
    summary:
      "Deploys a stage whose services run from sources, and copies each change of app/ into the running pods, without a build, " +
      "until Ctrl-C. make up brings the built images back. It is refused where protectResources is true.",
    usage: STAGE_ARGUMENTS,
    example: "make dev STAGE=dev",
  },
  ({ args }) => develop(stageArgument(args)),
);
