/**
 * `make down`: removes one stage, unless it holds what is protected.
 *
 * The engine refuses a protected resource only when it reaches it, and everything before it is deleted by then. So this
 * command looks for protected resources first.
 */
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { command } from "./lib/command.ts";
import { verifyCluster } from "./lib/state/clusterIdentity.ts";
import { CONTINUES, OperatorError } from "./lib/errors.ts";
import { heldBesidesData, unprotectData } from "./lib/state/databaseVolume.ts";
import { existingStack, findStack } from "./lib/engine/engine.ts";
import { runShown } from "./lib/engine/operation.ts";
import { progress } from "./lib/output.ts";
import { exportState } from "./lib/state/state.ts";
import { STAGE_ARGUMENTS, settingsOf, stageArgument, type Stage } from "./lib/stage.ts";

/** Removes what is in a stage's stack. */
async function destroy(stack: Stack, stage: Stage): Promise<void> {
  const { name, file } = stage;
  const state = await exportState(name);
  const resources = state.deployment.resources ?? [];
  const held = heldBesidesData(resources);
  if (held.length)
    throw new OperatorError(
      `${name} is protected, and nothing was deleted: it holds\n` +
        held.map(({ urn, id }) => `    ${urn.split("::").slice(2).join("::")} (${id})`).join("\n"),
      `if its data may go: pulumi config set --stack ${name} todo-app:protectResources false, ` +
        `make up STAGE=${name}, then make down STAGE=${name}`,
    );
  const { context } = await settingsOf(stage);
  await verifyCluster(name, state, context);
  await unprotectData(name, resources);
  try {
    await runShown(stack, "down", (options) =>
      stack.destroy({ ...options, configFile: file, showSecrets: false }),
    );
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    throw new OperatorError(`${name} was not removed completely`, CONTINUES);
  }
}

async function down(stage: Stage): Promise<void> {
  const fix = "pulumi stack ls lists the stacks that exist";
  await destroy(await existingStack(stage.name, " to remove", fix), stage);
}

/** Removes a stage, and its stack too. A stage that was never deployed has none, and is removed already. */
async function remove(stage: Stage): Promise<void> {
  const { name } = stage;
  const stack = await findStack(name);
  if (!stack) {
    progress.write(`there is no stack ${name}, so there is nothing to remove\n`);
    return;
  }
  await destroy(stack, stage);
  await stack.workspace.removeStack(name, { preserveConfig: true });
  progress.write(`removed stack ${name}\n`);
}

await command(
  {
    name: "down",
    summary:
      "Removes the app of a stage, its database inside the cluster included. The cluster and its tools stay. A stage that " +
      "holds protected resources is refused, and nothing is deleted.",
    usage: STAGE_ARGUMENTS,
    example: "make down STAGE=dev",
    options: {
      remove:
        "remove the stack too, and its history with it; where there is none, there is nothing to do",
    },
  },
  ({ args, options }) => (options.remove ? remove : down)(stageArgument(args)),
);
