/** `make drift`: shows what was changed by hand in the cluster since the last deploy, and changes nothing. */
import { command } from "./lib/command.ts";
import { driftOf, reportText } from "./lib/drift/report.ts";
import { printJson } from "./lib/output.ts";
import { STAGE_ARGUMENTS, stageArgument } from "./lib/stage.ts";

/** With `--exit-code`: 1 and 2 say that the command itself failed. */
const DRIFT_FOUND = 3;

await command(
  {
    name: "drift",
    summary:
      "Shows what was changed by hand in the cluster of a stage since its last deploy: each field with the value that the stack " +
      "set, the value that it has now and who wrote it, and objects that are gone. Changes neither the cluster nor the state.",
    usage: STAGE_ARGUMENTS,
    example: "make drift STAGE=staging",
    options: {
      json: "print the drift as JSON, without the values of secrets",
      "exit-code": `end with ${DRIFT_FOUND} where something was changed`,
    },
  },
  async ({ args, options }) => {
    const { report } = await driftOf(stageArgument(args));
    if (options.json) printJson(report);
    else process.stdout.write(reportText(report));
    if (options["exit-code"] && report.drifted) process.exitCode = DRIFT_FOUND;
  },
);
