/** Runs a new release beside the deployed one, and makes it the release or removes it. */
import { setTimeout as sleep } from "node:timers/promises";
import { NAME_LABEL } from "../../../components/kubernetes/labels.ts";
import { canaryOf } from "../../../components/kubernetes/names.ts";
import { PROJECT_NAME } from "../../../config/decode.ts";
import type { Stage as Configuration } from "../../../config/schema.ts";
import { SERVICE_NAMES, type ServiceName } from "../../../config/services.ts";
import { deploy } from "../deploy.ts";
import { existingStack } from "../engine/engine.ts";
import { OperatorError, ReleaseFailure } from "../errors.ts";
import { request, type Place } from "../kubectl.ts";
import { progress } from "../output.ts";
import { automaticByEnvironment } from "../release.ts";
import { pinCommands } from "../revisions/describe.ts";
import { settingDifferences } from "../revisions/differences.ts";
import {
  checkTarget,
  lastDeployOf,
  withImages,
  withStageFile,
  type LastDeploy,
} from "../revisions/restore.ts";
import { migrationsInSource, type Revision, type StageFile } from "../revisions/revision.ts";
import { effectiveConfig, settingsOf, stageValues, type Stage } from "../stage.ts";
import { readYaml } from "../yaml.ts";
import { canaryPods } from "./pods.ts";
import { checkMigrations, migrationsOf } from "./migrations.ts";
import { endings, type Running } from "./running.ts";
import { baseOf, deployStep, drain, endCanary, runningIn, type Base, type Step } from "./steps.ts";
import { watchCanary } from "./watch.ts";

const LOG_LINES = 20;

/** A canary of which nothing serves yet. */
const NONE: Running = { weight: 0 };

interface Options {
  /** Whether the command line has confirmed it. */
  readonly yes: boolean;
}

/** The configuration of a stage. */
async function configOf(stage: Stage): Promise<Configuration> {
  const values = await stageValues(stage, { showSecrets: false });
  const config = effectiveConfig(stage.name, values);
  if (config) return config;
  throw new OperatorError(
    `the configuration of ${stage.name} is not valid`,
    `make preview STAGE=${stage.name} says what is wrong`,
  );
}

/** @throws OperatorError where the deployed route can't divide requests by weight */
export function refuseIngress(stage: string, { kind, className }: Configuration["route"]): void {
  if (kind === "gateway") return;
  throw new OperatorError(
    `${stage} is deployed with an Ingress of class ${className}, which sends all requests to one release: route.kind is ${kind}`,
    `use the Gateway API: pulumi config set --stack ${stage} --path ${PROJECT_NAME}:route.kind gateway, then make up STAGE=${stage} first`,
  );
}

async function lastOf(stage: string): Promise<LastDeploy> {
  return lastDeployOf(await existingStack(stage, " to run a canary in"));
}

/** @throws OperatorError where the newest revision may not be what runs */
function refuseFailed(stage: string, { end, canary }: LastDeploy): void {
  // A canary that failed before one of its pods was started has left the deployed release as it was.
  if (end === "succeeded" || canary) return;
  throw new OperatorError(
    `the last deploy of ${stage} ${end === "killed" ? "was killed" : "failed"}, so it is not known what a canary would run beside`,
    `make up STAGE=${stage} completes it, make canary-abort STAGE=${stage} goes back to the newest revision`,
  );
}

/** Settings that were changed since the newest revision are no part of a canary, which differs in its images only. */
function otherSettings({ stageFile }: Revision, current: StageFile): readonly string[] {
  const isOther = (difference: string) =>
    !/^(canary|images\.(backend|frontend))\b/.test(difference);
  return settingDifferences(stageFile, current).filter(isOther);
}

function announce(stage: Stage, weight: number, { revision }: Base, running?: Running): void {
  const others = otherSettings(revision, readYaml(stage.file));
  progress.write(
    running
      ? `${stage.name}: the canary's share goes from ${running.weight} to ${weight} %; its images stay\n`
      : `${stage.name}: a canary gets ${weight} % of the requests, beside revision ${revision.number}\n` +
          others
            .map((change) => `  not part of it, because only make up deploys it: ${change}\n`)
            .join(""),
  );
}

/** The images of a new canary as the stage file names them; those that it does not name are built. */
async function newRelease(stage: Stage, base: Base): Promise<Omit<Step, "weight" | "stable">> {
  const { images: configured } = await configOf(stage);
  const images = Object.fromEntries(
    SERVICE_NAMES.flatMap((service) => {
      const image = configured[service];
      return image ? [[service, image] as const] : [];
    }),
  );
  const migrations = migrationsOf(stage.name, images.backend, base.revisions);
  checkMigrations(stage.name, migrations, base.revisions);
  return { images, ...migrations };
}

/** Starts a canary, or changes the share of the one that runs. */
async function send(
  stage: Stage,
  weight: number,
  base: Base,
  running: Running | undefined,
  { yes }: Options,
): Promise<void> {
  const release = running?.images ? running : await newRelease(stage, base);
  announce(stage, weight, base, running?.images && running);
  const asks = {
    question: `Send ${weight} % of the requests of ${stage.name} to a canary`,
    command: `make canary STAGE=${stage.name} WEIGHT=${weight}`,
  };
  const stable = base.revision.images;
  await deployStep(stage, base, { ...release, weight, stable }, { yes, asks });
}

/** Removes a canary that can't be kept. @returns the error with which the command ends */
async function aborted(stage: Stage, base: Base, reason: string, fix: string) {
  process.stderr.write(`\nerror: ${reason}\n\nthe canary of ${stage.name} is removed\n`);
  try {
    await endCanary(stage, base, (await runningIn(stage)) ?? NONE, { yes: true });
    return new OperatorError(
      `the canary of ${stage.name} was aborted for the reason above; revision ${base.revision.number} serves all requests`,
      fix,
    );
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return new OperatorError(
      `the canary of ${stage.name} could not be removed: ${error.message}`,
      `${error.fix}; then make canary-abort STAGE=${stage.name}`,
    );
  }
}

/** The last log lines of the pods of a service, which are gone once the canary is removed. */
async function logsOf(place: Place, service: ServiceName): Promise<string> {
  const selector = `--selector=${NAME_LABEL}=${canaryOf(service)}`;
  const { output } = await request(place, ["logs", selector, `--tail=${LOG_LINES}`, "--prefix"]);
  return output.replace(/^(?=.)/gm, "    ");
}

async function watch(stage: Stage, base: Base): Promise<void> {
  const [place, { canary }] = await Promise.all([settingsOf(stage), configOf(stage)]);
  if (!canary.minutes) {
    progress.write("not watched, because canary.minutes is 0\n");
    return;
  }
  progress.write(`watching it for ${canary.minutes} min; Ctrl-C ends that, and the canary stays\n`);
  const fault = await watchCanary(canary, {
    pods: () => canaryPods(place),
    now: Date.now,
    pause: sleep,
    say: (line) => progress.write(`${line}\n`),
  });
  if (!fault) return;
  const { service, reason } = fault;
  const log = await logsOf(place, service);
  throw await aborted(
    stage,
    base,
    `${service} of the canary: ${reason}\n  last log lines of each pod:\n${log.trimEnd()}`,
    `mend the release, or change the bound in canary of the stage file; then make canary STAGE=${stage.name}`,
  );
}

/**
 * Sends a share of the requests to a new release: that of the checkout, or the canary that runs. Watches it for a while.
 *
 * @throws OperatorError where the canary was aborted because it does not work as the settings ask for
 */
export async function startCanary(stage: Stage, weight: number, options: Options): Promise<void> {
  const { name } = stage;
  const running = await runningIn(stage);
  if (!running) refuseFailed(name, await lastOf(name));
  const base = await baseOf(stage);
  await withStageFile(stage, base.file, async (deployed) =>
    refuseIngress(name, (await configOf(deployed)).route),
  );
  try {
    await send(stage, weight, base, running, options);
  } catch (error) {
    if (!(error instanceof ReleaseFailure)) throw error;
    throw await aborted(stage, base, error.message, error.fix);
  }
  await watch(stage, base);
  process.stdout.write(
    `\nthe canary of ${name} serves ${weight} % of the requests: ${endings(name)}\n`,
  );
}

const noCanary = (stage: string) =>
  new OperatorError(
    `no canary runs in ${stage}`,
    `make canary STAGE=${stage} WEIGHT=10 starts one`,
  );

/**
 * Removes the canary of a stage. What was deployed before it serves all requests again. Also goes back from a deploy that was
 * killed, because that may have been the start of a canary.
 */
export async function abortCanary(stage: Stage, { yes }: Options): Promise<void> {
  const { name } = stage;
  const [running, last] = await Promise.all([runningIn(stage), lastOf(name)]);
  if (!running && last.end !== "killed" && !last.canary) throw noCanary(name);
  const base = await baseOf(stage);
  const { revision, revisions } = base;
  if (!running)
    checkTarget(stage, revision, [migrationsInSource(), ...revisions], { newerSchema: false });
  const asks = {
    question: `Remove the canary of ${name}`,
    command: `make canary-abort STAGE=${name}`,
  };
  await endCanary(stage, base, running ?? NONE, { yes, asks });
  process.stdout.write(
    `\nthe canary of ${name} is removed: revision ${revision.number} serves all requests\n`,
  );
}

/** Deploys the images of the canary as the release, while the canary keeps its share; then takes the canary out and removes it. */
export async function promoteCanary(stage: Stage, { yes }: Options): Promise<void> {
  const { name } = stage;
  const automatic = automaticByEnvironment() ?? (await settingsOf(stage)).automaticRollback;
  const running = await runningIn(stage);
  if (!running) throw noCanary(name);
  const { images } = running;
  if (!images)
    throw new OperatorError(
      `the canary of ${name} was not started completely`,
      `make canary STAGE=${name} continues, make canary-abort STAGE=${name} removes it`,
    );
  const base = await baseOf(stage);
  const asks = {
    question: `Make the canary of ${name} its release`,
    command: `make canary-promote STAGE=${name}`,
  };
  try {
    await deployStep(stage, base, { ...running, stable: images }, { yes, asks });
  } catch (error) {
    if (!(error instanceof ReleaseFailure)) throw error;
    if (automatic) throw await aborted(stage, base, error.message, error.fix);
    throw new OperatorError(
      error.message,
      `${error.fix}; make canary-abort STAGE=${name} goes back to revision ${base.revision.number}`,
    );
  }
  await drain(stage, base, running, { yes: true, stable: images });
  const { migrations, backwardCompatible } = running;
  const { stageFile } = base.revision;
  const reuse = {
    ...asks,
    outcome: "canary promoted",
    stageFile,
    migrations,
    backwardCompatible,
  } as const;
  await withStageFile(stage, withImages(base.file, images), (promoted) =>
    deploy(promoted, { yes: true, reuse, canary: "end" }),
  );
  process.stdout.write(
    `\n${name} runs the images of its canary. The next make up STAGE=${name} builds this checkout.\n` +
      `To keep the images beyond that, pin them (pulumi config rm undoes it):\n${pinCommands(name, images)}`,
  );
}
