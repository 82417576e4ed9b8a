/** `make up`: checks, deploys one stage and prints its URL. Recovers by itself from a deploy that was killed. */
import type { EngineEvent, OutputMap, Stack, UpResult } from "@pulumi/pulumi/automation/index.js";
import { adoptNewCluster, verifyCluster } from "./lib/state/clusterIdentity.ts";
import { OperatorError } from "./lib/errors.ts";
import { refuseDataLoss } from "./lib/state/databaseVolume.ts";
import { command } from "./lib/command.ts";
import { confirm } from "./lib/confirm.ts";
import { openStack } from "./lib/engine/engine.ts";
import { engineFailure } from "./lib/engine/failure.ts";
import { runShown } from "./lib/engine/operation.ts";
import { showPlan } from "./lib/engine/plan.ts";
import { preflight } from "./lib/preflight/preflight.ts";
import { noteCancelledUpdates, settlePendingOperations } from "./lib/state/recover.ts";
import { exportState, hasPendingOperations } from "./lib/state/state.ts";
import { STAGE_ARGUMENTS, stageArgument, stageFile, type Stage } from "./lib/stage.ts";
import { describeFailure } from "./lib/watch/describe.ts";
import { RolloutWatch, type RolloutFailure, type Target } from "./lib/watch/watch.ts";

/** Tells the watch which rollouts the engine waits for. */
function follow(watch: RolloutWatch) {
  return ({ resourcePreEvent, resOutputsEvent }: EngineEvent) => {
    const step = (resourcePreEvent ?? resOutputsEvent)?.metadata;
    const kind = /:(Deployment|StatefulSet|Job)::/.exec(step?.urn ?? "")?.[1];
    if (!step || !kind || !/^(create|create-replacement|update)$/.test(step.op)) return;
    const { metadata } = (step.new?.inputs ?? {}) as { metadata?: { name?: string } };
    const name = metadata?.name ?? step.urn.split("::").at(-1)!;
    if (resourcePreEvent) watch.begin(kind, name);
    else watch.end(kind, name);
  };
}

/** Collects the updates that the engine has begun and not finished. */
function collectUpdates(begun: Set<string>) {
  return ({ resourcePreEvent, resOutputsEvent }: EngineEvent) => {
    const { op, urn } = (resourcePreEvent ?? resOutputsEvent)?.metadata ?? {};
    if (op !== "update" || !urn?.includes("kubernetes:")) return;
    if (resourcePreEvent) begun.add(urn);
    else begun.delete(urn);
  };
}

function rolloutError(failure: RolloutFailure): OperatorError {
  const { message, fix } = describeFailure(failure);
  return new OperatorError(message, fix);
}

/** Runs the engine until it is done, or until a rollout is sure to fail. @returns the URL of the app */
async function up(stack: Stack, stage: Stage, target: Target): Promise<string> {
  const watch = new RolloutWatch(target);
  const updates = new Set<string>();
  const listeners = [follow(watch), collectUpdates(updates)];
  const rolloutFailed = watch.failure.then((failure): never => {
    throw rolloutError(failure);
  });
  let result: UpResult;
  try {
    result = await runShown(
      stack,
      "up",
      (options) => stack.up({ ...options, configFile: stage.file, showSecrets: false }),
      {
        onEvent: (event) => listeners.forEach((listener) => listener(event)),
        giveUp: rolloutFailed,
      },
    );
  } catch (error) {
    // This command ended the engine itself, because a rollout was sure to fail or somebody pressed Ctrl-C.
    if (error instanceof OperatorError) {
      await noteCancelledUpdates(stage, stack, [...updates]);
      throw error;
    }
    const failure = await watch.look();
    throw failure ? rolloutError(failure) : engineFailure(stack.name, error);
  } finally {
    watch.stop();
  }
  return urlOf(stack.name, result.outputs);
}

function urlOf(stage: string, { url }: OutputMap): string {
  if (typeof url?.value === "string") return url.value;
  throw new OperatorError(
    `${stage} was deployed, but its program exports no url`,
    "add `export const url = …` to index.ts",
  );
}

async function deploy(stage: Stage, yes: boolean): Promise<void> {
  stageFile(stage.name, stage.file); // refuses a file that can't be read before the engine opens it
  const stack = await openStack(stage);
  const [config, exported] = await Promise.all([preflight(stage), exportState(stage.name)]);
  const { context } = config; // without one, the program itself says so and changes nothing
  const newCluster = process.env.NEW_CLUSTER === "1" && context !== "";
  if (context && !newCluster) {
    await verifyCluster(stage.name, exported, context);
    if (config.database)
      refuseDataLoss(stage.name, exported.deployment.resources ?? [], {
        ...config.database,
        namespace: config.namespace,
      });
  }
  if (config.protected)
    await confirm(
      `Deploy to ${stage.name}, namespace ${config.namespace} of context ${context}?`,
      `make up STAGE=${stage.name}`,
      // On a new cluster, everything is deployed: there is no difference to show.
      { yes, prepare: newCluster ? undefined : () => showPlan(stack, stage) },
    );
  const state = newCluster ? await adoptNewCluster(stack, exported, context) : exported;
  if (hasPendingOperations(state)) await settlePendingOperations(stage, stack);
  const url = await up(stack, stage, config);
  process.stdout.write(`\n${stage.name} is up: ${url}\n`);
}

await command(
  {
    name: "up",
    summary:
      "Checks what a stage needs, deploys it, waits until it is ready and prints its URL. Run again, it continues a deploy " +
      "that failed or was killed. NEW_CLUSTER=1 in the environment makes the stack forget a cluster that is gone for good.",
    usage: STAGE_ARGUMENTS,
    example: "make up STAGE=staging",
    options: { yes: "deploy without asking, as YES=1 in the environment does" },
  },
  ({ args, options }) => deploy(stageArgument(args), options.yes),
);
