/** `make build-cache`: pushes what the next build of the images may reuse. */
import { pushCache } from "./lib/buildCache.ts";
import { command } from "./lib/command.ts";
import { OperatorError } from "./lib/errors.ts";
import { unchecked } from "./lib/preflight/preflight.ts";
import { STAGE_ARGUMENTS, effectiveConfig, stageArgument, stageFile } from "./lib/stage.ts";

await command(
  {
    name: "build-cache",
    summary:
      "Builds the first part of each image of a stage, with the dependencies and the compiled app, and pushes it as <image>:cache. " +
      "After make up, Docker has it already. A build on another machine reuses it if images.cacheFrom of the stage names it.",
    usage: STAGE_ARGUMENTS,
    example: "make build-cache STAGE=staging",
  },
  async ({ args }) => {
    const { name, file } = stageArgument(args);
    const config = effectiveConfig(name, stageFile(name, file));
    if (!config) throw new OperatorError(unchecked(name), `make preview STAGE=${name}`);
    await pushCache(config.images, (line) => process.stdout.write(`  ${line}\n`));
  },
);
