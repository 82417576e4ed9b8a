/** Deploys one stage: checks, asks, settles what a killed deploy has left, runs the engine and records what it deployed. */
import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { refuseWhileCanary } from "./canary/running.ts";
import { adoptNewCluster, verifyCluster } from "./state/clusterIdentity.ts";
import { OperatorError, ReleaseFailure } from "./errors.ts";
import { refuseDataLoss } from "./state/databaseVolume.ts";
import { confirm } from "./confirm.ts";
import { openStack } from "./engine/engine.ts";
import { engineFailure } from "./engine/failure.ts";
import { runShown } from "./engine/operation.ts";
import { hasChanges, showPlan } from "./engine/plan.ts";
import { policyPacks } from "./engine/policies.ts";
import { DeployResult, withoutResult } from "./engine/result.ts";
import { preflight } from "./preflight/preflight.ts";
import { recordDeploy } from "./revisions/record.ts";
import { CANARY_STEP, sourceOf, type Reuse } from "./revisions/revision.ts";
import { noteCancelledUpdates, settlePendingOperations } from "./state/recover.ts";
import { hasPendingOperations } from "./state/state.ts";
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

function rolloutError(failure: RolloutFailure): ReleaseFailure {
  const { message, fix } = describeFailure(failure);
  return new ReleaseFailure(message, fix);
}

/** Runs the engine until it is done, or until a rollout is sure to fail. */
async function up(
  stack: Stack,
  stage: Stage,
  target: Target,
  { reuse, canary, development, heal: refresh }: DeployOptions,
): Promise<DeployResult> {
  const result = new DeployResult();
  const watch = new RolloutWatch(target);
  const updates = new Set<string>();
  const listeners = [follow(watch), collectUpdates(updates), result.onEvent];
  const rolloutFailed = watch.failure.then((failure): never => {
    throw rolloutError(failure);
  });
  try {
    await runShown(
      stack,
      "up",
      (options) =>
        withoutResult(stack).up({
          ...options,
          configFile: stage.file,
          policyPacks: policyPacks(stack),
          showSecrets: false,
          message:
            reuse?.outcome ?? (canary && CANARY_STEP) ?? (development ? "development" : undefined),
          refresh,
        }),
      {
        onEvent: (event) => listeners.forEach((listener) => listener(event)),
        giveUp: rolloutFailed,
      },
    );
    await Promise.race([watch.rolledOut(), rolloutFailed]);
    return result;
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

function urlOf(stage: string, { outputs: { url } }: DeployResult): string {
  if (typeof url === "string") return url;
  throw new OperatorError(
    `${stage} was deployed, but its program exports no url`,
    "add `export const url = …` to index.ts",
  );
}

export interface DeployOptions {
  /** Whether the command line has confirmed the deploy. */
  readonly yes: boolean;
  /** The images of another deploy, which the stage's temporary file names. @default what the stage file says is deployed */
  readonly reuse?: Reuse;
  /** What is asked, without the question mark, and the command that asks nothing. @default it follows from the other options */
  readonly asks?: { readonly question: string; readonly command: string };
  /** What the deploy is for a canary: a step, which is no revision, or its end. @default it is refused while a canary runs */
  readonly canary?: "step" | "end";
  /** Whether the stage gets the form for development, which is no revision. @default false */
  readonly development?: boolean;
  /** The secret that the deploy rotates; the stage has a file with its raised counter. @default none */
  readonly rotation?: {
    readonly secret: string;
    /** The command that the operator has called. */
    readonly command: string;
    /** Called when the deploy is confirmed, before anything changes. */
    begin(): void;
  };
  /** Whether the engine first reads what the cluster has, and so puts back what was changed by hand. @default false */
  readonly heal?: boolean;
  /** Tests what was deployed; an OperatorError says what does not work. @default nothing is tested */
  readonly test?: () => Promise<void>;
}

/** What is asked, without the question mark, and the command that asks nothing. */
function questionOf(name: string, { asks, reuse, rotation, heal }: DeployOptions) {
  if (asks) return asks;
  if (reuse) return reuse;
  if (rotation) return { ...rotation, question: `Rotate ${rotation.secret} of ${name}` };
  const place = `STAGE=${name}`;
  return heal
    ? {
        question: `Put back what was changed by hand, and deploy to ${name}`,
        command: `make heal ${place}`,
      }
    : { question: `Deploy to ${name}`, command: `make up ${place}` };
}

/** Asks before a protected stage is changed. */
function confirmDeploy(
  { name }: Stage,
  { context, namespace }: Settings,
  options: DeployOptions,
  prepare?: () => Promise<void>,
): Promise<void> {
  const { question, command } = questionOf(name, options);
  const place = `namespace ${namespace} of context ${context}`;
  return confirm(`${question}, ${place}?`, command, { yes: options.yes, prepare });
}

/** What the test of a deploy says; undefined where everything works. */
async function failureOf(test: () => Promise<void>): Promise<ReleaseFailure | undefined> {
  try {
    await test();
    return undefined;
  } catch (error) {
    if (error instanceof OperatorError) return new ReleaseFailure(error.message, error.fix);
    throw error;
  }
}

/**
 * Checks what a stage needs, deploys it, waits until it is ready, tests it, records the revision and prints the URL.
 *
 * @throws ReleaseFailure where the release can't work
 */
export async function deploy(stage: Stage, options: DeployOptions): Promise<void> {
  stageFile(stage.name, stage.file); // refuses a file that can't be read before the engine opens it
  const { stack, state: exported, values } = await openStack(stage);
  const config = await preflight(stage, values);
  const { context } = config; // without one, the program itself says so and changes nothing
  const newCluster = process.env.NEW_CLUSTER === "1" && context !== "";
  if (context && !newCluster) {
    await verifyCluster(stage.name, exported, context);
    if (!options.canary) refuseWhileCanary(stage.name, exported);
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
  options.rotation?.begin();
  const state = newCluster ? await adoptNewCluster(stack, exported, context) : exported;
  if (hasPendingOperations(state)) await settlePendingOperations(stage, stack);
  const { reuse, test } = options;
  const [source, result] = await Promise.all([
    sourceOf(stage.file),
    up(stack, stage, config, options),
  ]);
  if (options.canary === "step") return;
  if (options.development) {
    process.stdout.write(`\n${stage.name} is up: ${urlOf(stage.name, result)}\n`);
    return;
  }
  const failure = test && (await failureOf(test));
  await recordDeploy(config, {
    source,
    images: (result.outputs.images ?? {}) as Readonly<Record<string, string>>,
    changed: hasChanges(result.changes),
    prebuilt: config.images?.backend,
    reuse,
    outcome: failure && "failed its smoke test",
  });
  if (failure) throw failure;
  process.stdout.write(`\n${stage.name} is up: ${urlOf(stage.name, result)}\n`);
}
