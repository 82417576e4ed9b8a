/** What may be promoted from one stage to another. */
import { OperatorError } from "../errors.ts";
import { incompatibleMigrations, refuseMissingImages } from "./restore.ts";
import type { Revision } from "./revision.ts";

/**
 * The revision that a stage runs.
 *
 * @throws OperatorError where there is none, where it failed its smoke test, or where its images have no digest
 */
export function promotable(stage: string, [newest]: readonly Revision[]): Revision {
  if (!newest)
    throw new OperatorError(
      `no revision of ${stage} is kept in its namespace`,
      `make up STAGE=${stage} records one`,
    );
  if (newest.outcome === "failed its smoke test")
    throw new OperatorError(
      `revision ${newest.number}, which ${stage} runs, failed its smoke test`,
      `make smoke STAGE=${stage} shows what does not work; make up STAGE=${stage} ARGS=--smoke deploys and tests a better one`,
    );
  refuseMissingImages(stage, newest);
  return newest;
}

/** @throws OperatorError where another revision than this was approved @param approved its number; undefined: any may be promoted */
export function refuseOther(
  from: string,
  { number }: Revision,
  approved: string | undefined,
): void {
  if (approved === undefined || approved === String(number)) return;
  throw new OperatorError(
    `revision ${approved} of ${from} was approved, and ${from} runs revision ${number} by now`,
    `approve that one; make history STAGE=${from} shows what is in it`,
  );
}

/** @throws OperatorError where the database of `to` may have a schema on which the images of `from` do not run */
export function refuseOlderImages(
  from: string,
  revision: Revision,
  to: string,
  deployed: readonly Revision[],
): void {
  const newer = incompatibleMigrations(revision, deployed);
  if (!newer.length) return;
  throw new OperatorError(
    `the database of ${to} has migrations that the images of ${from}, revision ${revision.number}, do not know: ${newer.join(", ")}`,
    `deploy a release that has them to ${from} first: make up STAGE=${from}`,
  );
}
