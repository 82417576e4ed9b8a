/** `make doctor`: looks at a stage that may be broken, names causes and fixes, and changes nothing. */
import { command } from "./lib/command.ts";
import { CannotLook } from "./lib/doctor/access.ts";
import { look } from "./lib/doctor/look.ts";
import { reportOf, reportText } from "./lib/doctor/report.ts";
import { printJson } from "./lib/output.ts";
import { STAGE_ARGUMENTS, stageArgument } from "./lib/stage.ts";

const CANNOT_LOOK = 2;

await command(
  {
    name: "doctor",
    summary:
      "Looks at a stage that may be broken, and at what it needs of its cluster: names each cause with what shows it, the " +
      "command that fixes it, and what may follow from it. Changes nothing.",
    usage: STAGE_ARGUMENTS,
    example: "make doctor STAGE=staging",
    options: { json: "print the findings as JSON" },
    exitCodes:
      "0 nothing is wrong, 1 something is, 2 the cluster can't be looked at, or wrong usage",
  },
  async ({ args, options }) => {
    try {
      const report = reportOf(await look(stageArgument(args)));
      if (options.json) printJson(report);
      else process.stdout.write(reportText(report));
      if (!report.healthy) process.exitCode = 1;
    } catch (error) {
      if (!(error instanceof CannotLook)) throw error;
      process.stderr.write(
        `\nerror: can't look (${error.reason}): ${error.message}\n  fix: ${error.fix}\n`,
      );
      process.exitCode = CANNOT_LOOK;
    }
  },
);
