/**
 * `make up`: checks, deploys one stage and prints its URL. Recovers by itself from a deploy that was killed.
 *
 * Usage: node ops/deploy.ts [<stage> [<stage file>]]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { CONTINUES, OperatorError, main } from "./command.ts";
import { preflight } from "./preflight.ts";
import { runLocked, settlePendingOperations } from "./recover.ts";
import { stageArgument, type Stage } from "./stage.ts";

/** Creates the stack in a backend that does not have it. Pulumi notes its key in the stage file of the project's folder. */
async function createStack(stage: Stage): Promise<void> {
  const init = ["--cwd", dirname(stage.file), "stack", "init"];
  let { code, output } = await runLocked(stage.name, init);
  if (/incorrect passphrase/.test(output) && forgetUnusedKey(stage.file))
    ({ code, output } = await runLocked(stage.name, init));
  if (code === 0) return;
  if (/incorrect passphrase/.test(output))
    throw wrongPassphrase(
      stage.name,
      `remove encryptionsalt and every "secure:" value from ${stage.file} and set these secrets again`,
    );
  throw new OperatorError(
    `the stack ${stage.name} could not be created`,
    "the reason stands above; pulumi whoami --verbose shows the backend in use",
  );
}

/** Drops the trace of another passphrase from the stage file, provided that no secret there needs it. */
function forgetUnusedKey(file: string): boolean {
  const text = readFileSync(file, "utf8");
  if (/^\s+(- )?secure:/m.test(text)) return false;
  writeFileSync(file, text.replace(/^encryptionsalt:.*\n/m, ""));
  return true;
}

const wrongPassphrase = (stage: string, ifLost: string) =>
  new OperatorError(
    `the secrets of ${stage} were encrypted with another passphrase`,
    `point PULUMI_CONFIG_PASSPHRASE_FILE at the file that holds it; if it is lost, ${ifLost}`,
  );

/** What the engine says about a value of the wrong type, or a secret in clear, before the program can say more. */
const REJECTED = /configuration key '([^']+)' must be (?:of type '(\w+)'|(encrypted))/;

function failure(stage: string, output: string): OperatorError {
  if (/incorrect passphrase/.test(output))
    return wrongPassphrase(stage, "the stack can only be removed and deployed anew");
  const [, key, type, secret] = REJECTED.exec(output) ?? [];
  if (key)
    return new OperatorError(
      `todo-app:${key} of ${stage} must be ${secret ? "encrypted" : `of type ${type}`}`,
      `pulumi config set --stack ${stage} ${secret ? "--secret " : ""}'todo-app:${key}'${secret ? "" : ` <${type}>`}` +
        `, or remove it: pulumi config rm --stack ${stage} 'todo-app:${key}'`,
    );
  return new OperatorError(`the deploy of ${stage} failed`, CONTINUES);
}

async function deploy(stage: Stage): Promise<void> {
  const up = ["up", "--yes", "--skip-preview", "--config-file", stage.file];
  await preflight(stage);
  await settlePendingOperations(stage);
  let result = await runLocked(stage.name, up);
  if (/no stack named/.test(result.output)) {
    await createStack(stage);
    result = await runLocked(stage.name, up);
  }
  if (result.code !== 0) throw failure(stage.name, result.output);
  const url = /^ +[+~]? *url *: .*"(.*)"/m.exec(result.output)?.[1];
  process.stdout.write(`\n${stage.name} is up: ${url}\n`);
}

await main(() => deploy(stageArgument()));
