/**
 * `make up`: checks, deploys one stage and prints its URL. Recovers by itself from a deploy that was killed.
 *
 * Usage: node ops/deploy.ts <stage>
 */
import { OperatorError, main, run } from "./command.ts";
import { preflight } from "./preflight.ts";
import { runLocked, settlePendingOperations } from "./recover.ts";

const UP = ["up", "--yes", "--skip-preview"];

async function deploy(stage: string): Promise<void> {
  await preflight(stage);
  await settlePendingOperations(stage);
  let result = await runLocked(stage, UP);
  if (/no stack named/.test(result.output)) {
    await run(["pulumi", "stack", "init", stage], { show: true });
    result = await runLocked(stage, UP);
  }
  if (result.code !== 0)
    throw new OperatorError(
      `the deploy of ${stage} failed`,
      "the reason stands above; after mending it, run the same command again: it continues where this one stopped",
    );
  const url = /^ +url *: "(.*)"/m.exec(result.output)?.[1];
  process.stdout.write(`\n${stage} is up: ${url}\n`);
}

await main(() => deploy(process.argv[2] ?? "dev"));
