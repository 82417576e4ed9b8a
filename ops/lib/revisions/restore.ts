/** Finds the revision to go back to, and makes the stage file that deploys images which exist already. */
import { isDeepStrictEqual } from "node:util";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { stringify } from "yaml";
import { PROJECT_NAME } from "../../../config/decode.ts";
import { DIGEST_REFERENCE } from "../../../config/formats.ts";
import { SERVICE_NAMES } from "../../../config/services.ts";
import { OperatorError } from "../errors.ts";
import { COUNTERS, countersIn } from "../rotate/counters.ts";
import { exportState, hasPendingOperations } from "../state/state.ts";
import { decoded, isEncrypted, type Stage } from "../stage.ts";
import { withTemporaryStage } from "../temporaryStage.ts";
import { ENCRYPTION_KEYS, isObject, readYaml } from "../yaml.ts";
import { missingMigrations } from "./differences.ts";
import {
  CANARY_STEP,
  originOf,
  rollbackIn,
  type Migrations,
  type Reuse,
  type Revision,
  type StageFile,
} from "./revision.ts";

const CONTEXT = `${PROJECT_NAME}:kubernetesContext`;
const IMAGES = `${PROJECT_NAME}:images`;
const ROLL_BACK_BY_COMMIT = 'docs/rollback.md, "Roll back to a commit"';

/** How many operations of the engine are looked at to find the last deploy. */
const OPERATIONS = 20;

/** How the last deploy of a stack ended. */
export interface LastDeploy {
  readonly end: "succeeded" | "failed" | "killed";
  /** The revision that it went back to. @default none */
  readonly rollback?: number;
  /** Whether it was a step of a canary. @default false */
  readonly canary?: boolean;
}

export async function lastDeployOf(stack: Stack): Promise<LastDeploy> {
  // The engine notes a deploy when it ends, so it does not know of one that was killed.
  if (hasPendingOperations(await exportState(stack.name))) return { end: "killed" };
  const operations = await stack.history(OPERATIONS, 1, false);
  const last = operations.find(({ kind }) => kind === "update");
  if (!last || last.result === "succeeded") return { end: "succeeded" };
  const { message } = last;
  const isCanary = message === CANARY_STEP;
  return { end: "failed", rollback: rollbackIn(message), ...(isCanary && { canary: true }) };
}

const hintOf = (stage: string) => `make history STAGE=${stage} lists the revisions`;

/** The revision of that number. */
export function namedTarget(
  stage: string,
  revisions: readonly Revision[],
  wanted: string,
): Revision {
  const found = revisions.find(({ number }) => String(number) === wanted);
  if (found) return found;
  const kept = revisions.map(({ number }) => number).join(", ") || "none";
  throw new OperatorError(`${stage} has no revision ${wanted}; it has ${kept}`, hintOf(stage));
}

/** The revision to go back to where none is named. */
export function defaultTarget(
  stage: string,
  revisions: readonly Revision[],
  { end, rollback }: LastDeploy,
): Revision {
  const [current] = revisions;
  const name = `name one: make rollback STAGE=${stage} TO=<number>; ${hintOf(stage)}`;
  if (!current)
    throw new OperatorError(
      `no revision of ${stage} is kept in its namespace`,
      `make up STAGE=${stage} records one; until then, deploy an earlier commit: ${ROLL_BACK_BY_COMMIT}`,
    );
  if (end === "killed")
    throw new OperatorError(
      `the last deploy of ${stage} was killed, so it is not known which revision is to be left`,
      name,
    );
  // A rollback that failed is tried again.
  if (end === "failed" && rollback !== undefined)
    return namedTarget(stage, revisions, String(rollback));
  // After a rollback, the one before is that before the revision it went back to, not the one that it left.
  const origin = end === "failed" ? Infinity : originOf(current);
  const before = lastThatWorked(revisions, origin);
  if (before) return before;
  throw new OperatorError(
    end === "failed"
      ? `no revision of ${stage} that worked is kept`
      : `no revision of ${stage} from before revision ${origin}, which runs now, is kept`,
    name,
  );
}

/** The newest revision with a lower number that did not fail its smoke test. @param below default: any number */
export const lastThatWorked = (
  revisions: readonly Revision[],
  below = Infinity,
): Revision | undefined =>
  revisions.find(({ number, outcome }) => number < below && outcome !== "failed its smoke test");

/** @throws OperatorError where a part of the revision can't be had without a build */
export function refuseMissingImages(stage: string, { number, images }: Revision): void {
  for (const service of SERVICE_NAMES) {
    const image = images[service];
    if (image && DIGEST_REFERENCE.test(image)) continue;
    throw new OperatorError(
      image
        ? `revision ${number} of ${stage} names its image of ${service} by a tag (${image}), under which another image may be by now`
        : `revision ${number} of ${stage} has no image of ${service}`,
      `deploy an earlier commit: ${ROLL_BACK_BY_COMMIT}`,
    );
  }
}

/**
 * The migrations that a database may have and `images` neither know nor can do without.
 *
 * @param deployed the migrations of every deploy to the database: they are never undone
 */
export function incompatibleMigrations(
  images: Migrations,
  deployed: readonly Migrations[],
): readonly string[] {
  const compatible = new Set(deployed.flatMap(({ backwardCompatible = [] }) => backwardCompatible));
  const newer = new Set(deployed.flatMap((each) => missingMigrations(each, images)));
  return [...newer].filter((name) => !compatible.has(name));
}

/** @throws OperatorError where the database may have a schema on which the images of the revision do not run */
function refuseNewerSchema(stage: string, target: Revision, deployed: readonly Migrations[]): void {
  const newer = incompatibleMigrations(target, deployed);
  if (!newer.length) return;
  throw new OperatorError(
    `the database of ${stage} has migrations that the images of revision ${target.number} do not know, and they stay:\n` +
      newer.map((name) => `  ${name}`).join("\n"),
    "read them: if they only add what those images can do without, " +
      `make rollback STAGE=${stage} TO=${target.number} ARGS=--newer-schema`,
  );
}

/** @throws OperatorError where the secrets of the revision were encrypted by another provider than those of the stage are now */
function refuseOtherProvider(stage: string, { number, stageFile }: Revision, current: StageFile) {
  const [then, now] = [stageFile, current].map(({ secretsprovider }) => secretsprovider);
  if (!isEncrypted(stageFile.config) || then === now) return;
  throw new OperatorError(
    `the secrets of revision ${number} were encrypted by another provider than those of ${stage} are now`,
    `deploy its commit, with the secrets of today: ${ROLL_BACK_BY_COMMIT}`,
  );
}

/**
 * Checks whether a revision can be deployed again, before anything changes.
 *
 * @param deployed the migrations of every deploy to the database of the stage
 * @param options.newerSchema whether it may run on a database that has migrations which its images do not know
 */
export function checkTarget(
  { name, file }: Stage,
  target: Revision,
  deployed: readonly Migrations[],
  { newerSchema }: { readonly newerSchema: boolean },
): void {
  refuseMissingImages(name, target);
  refuseOtherProvider(name, target, readYaml(file));
  if (!newerSchema) refuseNewerSchema(name, target, deployed);
}

/** A stage file with these images as prebuilt ones. */
export function withImages(stageFile: StageFile, images: Revision["images"]): StageFile {
  const { config = {} } = stageFile;
  const written = decoded(config).images;
  const prebuilt = SERVICE_NAMES.map((service) => [service, images[service]] as const);
  const merged = { ...(isObject(written) ? written : {}), ...Object.fromEntries(prebuilt) };
  return { ...stageFile, config: { ...config, [IMAGES]: merged } };
}

/** The stage file of a revision with its images as prebuilt ones. Where the cluster is found stays as it is today. */
export function restoredFile({ stageFile, images }: Revision, current: StageFile): StageFile {
  const { config = {}, ...rest } = withImages(stageFile, images);
  // Secrets need the key with which they were encrypted. Without secrets, the key of today serves the state.
  const encryption = isEncrypted(config) ? rest : current;
  const others = Object.entries(rest).filter(([key]) => !ENCRYPTION_KEYS.includes(key));
  const keys = Object.entries(encryption).filter(([key]) => ENCRYPTION_KEYS.includes(key));
  const context = current.config?.[CONTEXT];
  return {
    ...Object.fromEntries(others),
    config: {
      ...config,
      ...(context !== undefined && { [CONTEXT]: context }),
    },
    ...Object.fromEntries(keys),
  };
}

/** What a deploy of a revision takes over. */
export const reuseOf = (stage: string, revision: Revision): Reuse => ({
  ...revision,
  outcome: `rollback to ${revision.number}`,
  question: `Roll ${stage} back to revision ${revision.number}`,
  command: `make rollback STAGE=${stage} TO=${revision.number}`,
});

/**
 * The revision with counters of `secretVersions` that are not lower than those of the newest revision, which runs now. An earlier
 * counter would bring back an earlier value, which may have been rotated because it has leaked.
 */
export function withCountersKept(target: Revision, newest: Revision): Revision {
  const { config } = target.stageFile;
  const counters = countersIn(config);
  const kept: Record<string, unknown> = { ...counters };
  for (const [name, value] of Object.entries(countersIn(newest.stageFile.config)))
    if (typeof value === "number" && value > Number(kept[name] ?? 1)) kept[name] = value;
  if (isDeepStrictEqual(kept, counters)) return target;
  return { ...target, stageFile: { ...target.stageFile, config: { ...config, [COUNTERS]: kept } } };
}

/** Calls `use` with the stage configured by `content`: in a temporary stage file, so that its own file stays as it is. */
export const withStageFile = <T>(
  stage: Stage,
  content: StageFile,
  use: (stage: Stage) => Promise<T>,
): Promise<T> => withTemporaryStage(stage, stringify(content), use);
