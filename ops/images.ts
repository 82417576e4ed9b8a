/** `make images`: prints what a stage runs. */
import { command } from "./lib/command.ts";
import { findStack } from "./lib/engine/engine.ts";
import { imageLines } from "./lib/images.ts";
import { listRevisions } from "./lib/revisions/store.ts";
import { STAGE_ARGUMENTS, settingsOf, stageArgument } from "./lib/stage.ts";

await command(
  {
    name: "images",
    summary:
      "Prints what a stage runs as lines of name=value: backend-name, backend-digest, the same for the frontend, and the number of " +
      "the newest revision. A pipeline appends them to GITHUB_OUTPUT. Prints nothing where the stage was never deployed.",
    usage: STAGE_ARGUMENTS,
    example: "make --silent images STAGE=staging",
  },
  async ({ args }) => {
    const stage = stageArgument(args);
    const stack = await findStack(stage.name);
    const images = (await stack?.outputs())?.images?.value as unknown;
    if (!images) return;
    const [newest] = await listRevisions(await settingsOf(stage));
    process.stdout.write(imageLines(images, newest?.number));
  },
);
