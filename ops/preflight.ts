/** `make preflight`: checks what a stage needs of its cluster and of this machine, and changes nothing. */
import { command } from "./lib/command.ts";
import { OperatorError } from "./lib/errors.ts";
import { printJson } from "./lib/output.ts";
import { preflight, preflightReport, unchecked } from "./lib/preflight/preflight.ts";
import { STAGE_ARGUMENTS, stageArgument, type Stage } from "./lib/stage.ts";

async function show(stage: Stage): Promise<void> {
  const { name } = stage;
  const { valid } = await preflight(stage);
  if (!valid) throw new OperatorError(unchecked(name), `make preview STAGE=${name}`);
  process.stdout.write("nothing that was checked is missing\n");
}

async function showJson(stage: Stage): Promise<void> {
  const report = await preflightReport(stage);
  printJson(report);
  if (!report.passed) process.exitCode = 1;
}

await command(
  {
    name: "preflight",
    summary:
      "Checks what a stage needs before a deploy: a cluster that answers, what that cluster must bring, and Docker. Names " +
      "everything that is missing with the command that installs it, and changes nothing. `make up` begins with it.",
    usage: STAGE_ARGUMENTS,
    example: "make preflight STAGE=staging",
    options: { json: "print the findings as JSON" },
  },
  ({ args, options }) => (options.json ? showJson : show)(stageArgument(args)),
);
