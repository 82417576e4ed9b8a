/** `make canary`: sends a share of the requests to a new release, and watches it. */
import { startCanary } from "./lib/canary/canary.ts";
import { command } from "./lib/command.ts";
import { OperatorError } from "./lib/errors.ts";
import { STAGE_ARGUMENTS, stageArgument } from "./lib/stage.ts";

/** @throws OperatorError where it is no share that leaves both releases some requests */
function weightOf(stage: string, text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new OperatorError(
    `WEIGHT=${text} is no share of the requests in %; allowed: a whole number from 1 to 99`,
    `make canary STAGE=${stage} WEIGHT=10`,
  );
}

await command(
  {
    name: "canary",
    summary:
      "Runs the release of this checkout beside the deployed one, which goes on as it is, and sends it a share of the requests " +
      "in %, or else 10. Watches its errors and latency for canary.minutes, and removes it where they exceed the bounds of the " +
      "stage file. Where a canary runs already, only its share changes. Needs route.kind gateway.",
    usage: [...STAGE_ARGUMENTS, "[<weight>]"],
    example: "make canary STAGE=staging WEIGHT=10",
    options: { yes: "ask nothing, as YES=1 in the environment does" },
  },
  async ({ args, options }) => {
    const stage = stageArgument(args);
    await startCanary(stage, weightOf(stage.name, args[2] ?? "10"), options);
  },
);
