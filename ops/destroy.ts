/**
 * `make down`: removes one stage, unless it holds what is protected.
 *
 * The engine notices a protected resource only when its turn comes: without a preview, everything else is gone by then.
 *
 * Usage: node ops/destroy.ts [<stage> [<stage file>]]
 */
import { CONTINUES, OperatorError, main } from "./command.ts";
import { exportState, runLocked } from "./recover.ts";
import { stageArgument, type Stage } from "./stage.ts";

async function destroy({ name, file }: Stage): Promise<void> {
  const state = await exportState(name);
  if (!state)
    throw new OperatorError(
      `there is no stack ${name} to remove`,
      "pulumi stack ls names those that there are",
    );
  const held = (state.deployment.resources ?? []).filter(({ protect }) => protect);
  if (held.length)
    throw new OperatorError(
      `${name} is protected, and nothing was deleted: it holds\n` +
        held.map(({ urn, id }) => `    ${urn.split("::").slice(2).join("::")} (${id})`).join("\n"),
      `if its data may go: pulumi config set --stack ${name} todo-app:protectResources false, ` +
        `make up STAGE=${name}, then make down STAGE=${name}`,
    );
  const command = ["destroy", "--yes", "--skip-preview", "--config-file", file];
  const { code } = await runLocked(name, command);
  if (code !== 0) throw new OperatorError(`${name} was not removed completely`, CONTINUES);
}

await main(() => destroy(stageArgument()));
