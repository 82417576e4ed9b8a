/** `make heal`: shows what was changed by hand in the cluster, and puts back what the stack sets. */
import { command } from "./lib/command.ts";
import { heal } from "./lib/drift/heal.ts";
import { STAGE_ARGUMENTS, stageArgument } from "./lib/stage.ts";

await command(
  {
    name: "heal",
    summary:
      "Shows what was changed by hand in the cluster of a stage, and puts back what the stack sets, through the same checks as " +
      "make up: it deploys the checkout as well. An object that held data and is gone is refused.",
    usage: STAGE_ARGUMENTS,
    example: "make heal STAGE=staging",
    options: { yes: "ask nothing, as YES=1 in the environment does" },
  },
  ({ args, options }) => heal(stageArgument(args), { yes: options.yes }),
);
