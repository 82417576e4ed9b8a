/** Deploys one stage: checks, asks, settles what a killed deploy has left, runs the engine and records what it deployed. */
import type { EngineEvent, Stack, UpResult } from "@pulumi/pulumi/automation/index.js";
import { adoptNewCluster, verifyCluster } from "./state/clusterIdentity.ts";
import { OperatorError } from "./errors.ts";
import { refuseDataLoss } from "./state/databaseVolume.ts";
import { confirm } from "./confirm.ts";
import { openStack } from "./engine/engine.ts";
import { engineFailure } from "./engine/failure.ts";
import { runShown } from "./engine/operation.ts";
import { hasChanges, showPlan } from "./engine/plan.ts";
import { preflight } from "./preflight/preflight.ts";
import { recordDeploy } from "./revisions/record.ts";
import { rollbackMessage, sourceOf, type Revision } from "./revisions/revision.ts";
import { noteCancelledUpdates, settlePendingOperations } from "./state/recover.ts";
import { exportState, hasPendingOperations } from "./state/state.ts";
import { stageFile, type Settings, type Stage } from "./stage.ts";
import { describeFailure } from "./watch/describe.ts";
import { RolloutWatch, type RolloutFailure, type Target } from "./watch/watch.ts";

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

/** Runs the engine until it is done, or until a rollout is sure to fail. */
async function up(
  stack: Stack,
  stage: Stage,
  target: Target,
  rollback?: Revision,
): Promise<UpResult> {
  const message = rollback && rollbackMessage(rollback);
  const watch = new RolloutWatch(target);
  const updates = new Set<string>();
  const listeners = [follow(watch), collectUpdates(updates)];
  const rolloutFailed = watch.failure.then((failure): never => {
    throw rolloutError(failure);
  });
  try {
    return await runShown(
      stack,
      "up",
      (options) => stack.up({ ...options, configFile: stage.file, showSecrets: false, message }),
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
}

function urlOf(stage: string, { outputs: { url } }: UpResult): string {
  if (typeof url?.value === "string") return url.value;
  throw new OperatorError(
    `${stage} was deployed, but its program exports no url`,
    "add `export const url = …` to index.ts",
  );
}

interface Options {
  /** Whether the command line has confirmed the deploy. */
  readonly yes: boolean;
  /** The revision that the deploy goes back to; the stage has its file. @default none */
  readonly rollback?: Revision;
}

/** Asks before a protected stage is changed. */
function confirmDeploy(
  { name }: Stage,
  { context, namespace }: Settings,
  { yes, rollback }: Options,
  prepare?: () => Promise<void>,
): Promise<void> {
  const [question, command] = rollback
    ? [
        `Roll ${name} back to revision ${rollback.number}`,
        `make rollback STAGE=${name} TO=${rollback.number}`,
      ]
    : [`Deploy to ${name}`, `make up STAGE=${name}`];
  const place = `namespace ${namespace} of context ${context}`;
  return confirm(`${question}, ${place}?`, command, { yes, prepare });
}

/** Checks what a stage needs, deploys it, waits until it is ready, records the revision and prints the URL. */
export async function deploy(stage: Stage, options: Options): Promise<void> {
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
    // On a new cluster, everything is deployed: there is no difference to show.
    await confirmDeploy(
      stage,
      config,
      options,
      newCluster ? undefined : () => showPlan(stack, stage),
    );
  const state = newCluster ? await adoptNewCluster(stack, exported, context) : exported;
  if (hasPendingOperations(state)) await settlePendingOperations(stage, stack);
  const source = await sourceOf(stage.file);
  const result = await up(stack, stage, config, options.rollback);
  await recordDeploy(config, {
    source,
    images: (result.outputs.images?.value ?? {}) as Readonly<Record<string, string>>,
    changed: hasChanges(result.summary.resourceChanges ?? {}),
    prebuilt: config.images?.backend,
    rollback: options.rollback,
  });
  process.stdout.write(`\n${stage.name} is up: ${urlOf(stage.name, result)}\n`);
}
