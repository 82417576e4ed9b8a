/** `make rotate`: generates a secret of a stage anew, and checks that the new value is in use. */
import { command } from "./lib/command.ts";
import { deploy } from "./lib/deploy.ts";
import { existingStack } from "./lib/engine/engine.ts";
import { lastDeployOf } from "./lib/revisions/restore.ts";
import { generatedSecret, rotate } from "./lib/rotate/rotate.ts";
import { exportState } from "./lib/state/state.ts";
import { STAGE_ARGUMENTS, stageArgument } from "./lib/stage.ts";

await command(
  {
    name: "rotate",
    summary:
      "Generates a secret anew: raises its counter of secretVersions in the stage file, deploys the stage as make up does, and " +
      "checks that the new value is in use. The secrets are auth, databasePassword and databaseOwnerPassword.",
    usage: ["<secret>", ...STAGE_ARGUMENTS],
    example: "make rotate SECRET=auth STAGE=staging",
    options: {
      yes: "ask nothing, as YES=1 in the environment does",
      leaked: "make the old value invalid: signs everybody out, or takes a second deploy",
    },
  },
  async ({ args: [name = "", ...rest], options }) => {
    const stage = stageArgument(rest);
    const secret = generatedSecret(stage.name, name);
    const stack = await existingStack(
      stage.name,
      ", so it has no secret to rotate",
      `make up STAGE=${stage.name} deploys it; pulumi whoami --verbose shows the backend in use`,
    );
    const last = await lastDeployOf(stack);
    const state = await exportState(stage.name);
    await rotate(stage, { secret, ...options }, { last, state }, deploy);
  },
);
