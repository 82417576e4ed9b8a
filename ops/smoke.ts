/** `make smoke`: checks a deployed stage from outside, as its users do, and through the API of its cluster. */
import { command } from "./lib/command.ts";
import { printJson } from "./lib/output.ts";
import { smokeReport, smokeTest, type Mode } from "./lib/smoke/smoke.ts";
import { STAGE_ARGUMENTS, stageArgument, type Stage } from "./lib/stage.ts";

async function showJson(stage: Stage, mode?: Mode): Promise<void> {
  const report = await smokeReport(stage, mode);
  printJson(report);
  if (!report.passed) process.exitCode = 1;
}

const MODES = ["write", "read-only", "end-pods"] as const satisfies readonly Mode[];

await command(
  {
    name: "smoke",
    summary:
      "Checks whether a deployed stage works: its pods, its certificate, its pages and its API; and with two throw-away " +
      "accounts, tasks and the assistant. Prints a line for each check. What was made is deleted again. A stage with " +
      "protectResources is only read, unless --write or --end-pods is given.",
    usage: STAGE_ARGUMENTS,
    example: "make smoke STAGE=staging",
    options: {
      write: "make accounts and tasks, and delete them again",
      "end-pods":
        "the same, and end every backend pod, one after the other, to see that its end loses nothing",
      "read-only": "make nothing: check pods, certificate, pages and API only",
      json: "print the results as JSON",
    },
    exclusive: MODES,
  },
  ({ args, options }) => {
    const mode = MODES.find((name) => options[name]);
    return (options.json ? showJson : smokeTest)(stageArgument(args), mode);
  },
);
