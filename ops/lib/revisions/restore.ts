/** Finds the revision to go back to, and makes the stage file that deploys it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { stringify } from "yaml";
import { PROJECT } from "../../../config/decode.ts";
import { DIGEST_REFERENCE } from "../../../config/formats.ts";
import { SERVICE_NAMES } from "../../../config/services.ts";
import { OperatorError } from "../errors.ts";
import { exportState, hasPendingOperations } from "../state/state.ts";
import { decoded, isEncrypted, type Stage } from "../stage.ts";
import { ENCRYPTION_KEYS, isObject, readYaml } from "../yaml.ts";
import { missingMigrations } from "./differences.ts";
import { originOf, rollbackIn, type Revision, type StageFile } from "./revision.ts";

const CONTEXT = `${PROJECT}:kubernetesContext`;
const IMAGES = `${PROJECT}:images`;
const ROLL_BACK_BY_COMMIT = 'docs/operations.md, "Roll back to a commit"';

/** How many operations of the engine are looked at to find the last deploy. */
const OPERATIONS = 20;

/** How the last deploy of a stack ended. */
export interface LastDeploy {
  readonly end: "succeeded" | "failed" | "killed";
  /** The revision that it went back to. @default none */
  readonly rollback?: number;
}

export async function lastDeployOf(stack: Stack): Promise<LastDeploy> {
  // The engine notes a deploy when it ends, so it does not know of one that was killed.
  if (hasPendingOperations(await exportState(stack.name))) return { end: "killed" };
  const operations = await stack.history(OPERATIONS, 1, false);
  const last = operations.find(({ kind }) => kind === "update");
  if (!last || last.result === "succeeded") return { end: "succeeded" };
  return { end: "failed", rollback: rollbackIn(last.message) };
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
  // A rollback that failed is tried again; after another deploy that failed, the newest revision is the last good one.
  if (end === "failed")
    return rollback === undefined ? current : namedTarget(stage, revisions, String(rollback));
  // After a rollback, the one before is that before the revision it went back to, not the one that it left.
  const origin = originOf(current);
  const before = revisions.find(({ number }) => number < origin);
  if (before) return before;
  throw new OperatorError(
    `no revision of ${stage} from before revision ${origin}, which runs now, is kept`,
    name,
  );
}

/** @throws OperatorError where a part of the revision can't be had without a build */
function refuseMissingImages(stage: string, { number, images }: Revision): void {
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

/** @throws OperatorError where the database may have a newer schema than the images of the revision know */
function refuseNewerSchema(stage: string, target: Revision, revisions: readonly Revision[]): void {
  // Migrations are never undone, so the database has those of every revision.
  const newer = new Set(revisions.flatMap((revision) => missingMigrations(revision, target)));
  if (!newer.size) return;
  throw new OperatorError(
    `the database of ${stage} has migrations that the images of revision ${target.number} do not know, and they stay:\n` +
      [...newer].map((name) => `  ${name}`).join("\n"),
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
 * @param options.newerSchema whether it may run on a database that has migrations which its images do not know
 */
export function checkTarget(
  { name, file }: Stage,
  target: Revision,
  revisions: readonly Revision[],
  { newerSchema }: { readonly newerSchema: boolean },
): void {
  refuseMissingImages(name, target);
  refuseOtherProvider(name, target, readYaml(file));
  if (!newerSchema) refuseNewerSchema(name, target, revisions);
}

/** The stage file of a revision with its images as prebuilt ones. Where the cluster is found stays as it is today. */
export function restoredFile({ stageFile, images }: Revision, current: StageFile): StageFile {
  const { config = {}, ...rest } = stageFile;
  const written = decoded(config).images;
  const prebuilt = SERVICE_NAMES.map((service) => [service, images[service]] as const);
  // Secrets need the key with which they were encrypted. Without secrets, the key of today serves the state.
  const encryption = isEncrypted(config) ? rest : current;
  const others = Object.entries(rest).filter(([key]) => !ENCRYPTION_KEYS.includes(key));
  const keys = Object.entries(encryption).filter(([key]) => ENCRYPTION_KEYS.includes(key));
  const context = current.config?.[CONTEXT];
  return {
    ...Object.fromEntries(others),
    config: {
      ...config,
      [IMAGES]: { ...(isObject(written) ? written : {}), ...Object.fromEntries(prebuilt) },
      ...(context !== undefined && { [CONTEXT]: context }),
    },
    ...Object.fromEntries(keys),
  };
}

/** Calls `use` with the stage as it was at a revision: with a temporary stage file, so that its own file stays as it is. */
export async function withRestored<T>(
  { name, file }: Stage,
  target: Revision,
  use: (stage: Stage) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "todo-app-rollback-"));
  const restored = join(folder, basename(file));
  try {
    writeFileSync(restored, stringify(restoredFile(target, readYaml(file))), { mode: 0o600 });
    return await use({ name, file: restored });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
