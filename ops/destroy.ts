/**
 * `make down`: removes one stage, unless it holds what is protected.
 *
 * The engine notices a protected resource only when its turn comes: without a preview, everything else is gone by then.
 *
 * Usage: node ops/destroy.ts [<stage> [<stage file>]]
 */
import { verifyCluster } from "./clusterIdentity.ts";
import { CONTINUES, OperatorError, main } from "./command.ts";
import { heldBesidesData, unprotectData } from "./databaseVolume.ts";
import { findStack } from "./lib/engine.ts";
import { runShown } from "./lib/operation.ts";
import { exportState } from "./recover.ts";
import { settingsOf, stageArgument, type Stage } from "./stage.ts";

async function destroy(stage: Stage): Promise<void> {
  const { name, file } = stage;
  const stack = await findStack(name);
  if (!stack)
    throw new OperatorError(
      `there is no stack ${name} to remove`,
      "pulumi stack ls names those that there are",
    );
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

await main(() => destroy(stageArgument()));
