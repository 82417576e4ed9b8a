/** The deploys of which a canary consists. Each has the settings of the newest revision, in a temporary stage file. */
import { setTimeout as sleep } from "node:timers/promises";
import { PROJECT_NAME } from "../../../config/decode.ts";
import { deploy, type DeployOptions } from "../deploy.ts";
import { OperatorError } from "../errors.ts";
import { progress } from "../output.ts";
import { checkTarget, restoredFile, withImages, withStageFile } from "../revisions/restore.ts";
import type { Migrations, Revision, StageFile } from "../revisions/revision.ts";
import { listRevisions } from "../revisions/store.ts";
import { exportState } from "../state/state.ts";
import { decoded, settingsOf, type Stage } from "../stage.ts";
import { isObject, readYaml } from "../yaml.ts";
import { canaryIn, type Images, type Running } from "./running.ts";

const CANARY = `${PROJECT_NAME}:canary`;

/** How long a controller gets to send no more requests to the canary before its pods end. */
const SETTLE_MS = 5_000;

/** What a step of a canary deploys. */
export interface Step extends Migrations {
  /** Share of the requests for the new release, in %. */
  readonly weight: number;
  /** The images of the deployed release. */
  readonly stable: Revision["images"];
  /** The images of the new release. @default they are built */
  readonly images?: Partial<Images>;
}

/** The settings of a canary in a stage file. */
function settingsIn({ config = {} }: StageFile): Readonly<Record<string, unknown>> {
  const { canary } = decoded(config);
  return isObject(canary) ? canary : {};
}

/**
 * The stage file of a step.
 *
 * @param base the newest revision's
 * @param current the stage's own, which says how a canary is run
 */
export function stepFile(base: StageFile, current: StageFile, step: Step): StageFile {
  const { weight, stable, images = {}, migrations, backwardCompatible } = step;
  const release = { weight, stable, migrations, backwardCompatible };
  const file = withImages(base, images);
  return { ...file, config: { ...file.config, [CANARY]: { ...settingsIn(current), release } } };
}

/** What a canary runs beside, and what is left of it afterwards. */
export interface Base {
  readonly revision: Revision;
  /** The revisions that are kept, newest first. */
  readonly revisions: readonly Revision[];
  /** The stage file of the newest revision, with its images. */
  readonly file: StageFile;
}

/**
 * The newest revision of a stage, ready to be deployed.
 *
 * @throws OperatorError where none is kept, or where it can't be deployed again
 */
export async function baseOf(stage: Stage): Promise<Base> {
  const revisions = await listRevisions(await settingsOf(stage));
  const [revision] = revisions;
  if (!revision)
    throw new OperatorError(
      `no revision of ${stage.name} is kept in its namespace`,
      `make up STAGE=${stage.name} records one; where a canary runs, pulumi up --stack ${stage.name} removes it`,
    );
  checkTarget(stage, revision, [], { newerSchema: true });
  return { revision, revisions, file: restoredFile(revision, readYaml(stage.file)) };
}

/** Deploys a step. */
export const deployStep = (
  stage: Stage,
  { file }: Base,
  step: Step,
  options: Pick<DeployOptions, "yes" | "asks">,
): Promise<void> =>
  withStageFile(stage, stepFile(file, readYaml(stage.file), step), (temporary) =>
    deploy(temporary, { ...options, canary: "step" }),
  );

/** The canary of a stage now. */
export const runningIn = async ({ name }: Stage): Promise<Running | undefined> =>
  canaryIn(await exportState(name));

/**
 * Takes a canary out of the route, so that no request is under way to its pods when they end. Its pods stay.
 *
 * @returns whether there was anything to take out
 */
export async function drain(
  stage: Stage,
  base: Base,
  running: Running,
  options: Pick<DeployOptions, "yes" | "asks"> & {
    /** The images of the deployed release. @default those of the newest revision */
    readonly stable?: Images;
  },
): Promise<boolean> {
  const { stable = base.revision.images, ...rest } = options;
  if (!running.weight) return false;
  progress.write(`${stage.name}: no more requests go to the canary\n`);
  await deployStep(stage, base, { ...running, weight: 0, stable }, rest);
  await sleep(SETTLE_MS);
  return true;
}

/** Takes a canary out of the route and removes it. What was deployed before stays as it is. */
export async function endCanary(
  stage: Stage,
  base: Base,
  running: Running,
  options: Pick<DeployOptions, "yes" | "asks">,
): Promise<void> {
  const asked = await drain(stage, base, running, options);
  await withStageFile(stage, base.file, (temporary) =>
    deploy(temporary, { ...options, yes: options.yes || asked, canary: "step" }),
  );
}
