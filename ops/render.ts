/** `make render`: writes the objects of a stage as YAML, for a review or for `kubectl diff`. */
import { writeFileSync } from "node:fs";
import { command } from "./lib/command.ts";
import { renderStage, streamOf, writeFolder } from "./lib/render/render.ts";
import { STAGE_ARGUMENTS, stageArgument } from "./lib/stage.ts";

await command(
  {
    name: "render",
    summary:
      "Writes the objects that a stage declares as YAML, without the values of secrets: to standard output, to the file OUT whose " +
      "name ends in .yaml, or into the folder OUT, a file for each object. It needs no cluster. Names and digests are those of the last deploy, where " +
      "the state of the stack can be read.",
    usage: [...STAGE_ARGUMENTS, "[<folder or file.yaml>]"],
    example: "make --silent render STAGE=staging | kubectl --context staging diff -f -",
  },
  async ({ args }) => {
    const stage = stageArgument(args);
    const [, , out] = args;
    const objects = await renderStage(stage, (text) =>
      process.stderr.write(`  warning: ${text}\n`),
    );
    if (!out) process.stdout.write(streamOf(objects));
    else if (/\.ya?ml$/.test(out)) writeFileSync(out, streamOf(objects));
    else writeFolder(out, objects);
    if (out) process.stderr.write(`${objects.length} objects of ${stage.name} are in ${out}\n`);
  },
);
