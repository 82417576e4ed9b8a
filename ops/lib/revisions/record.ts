/** Records a deploy as a revision. */
import { OperatorError } from "../errors.ts";
import { progress } from "../output.ts";
import { differences } from "./differences.ts";
import { migrationsInSource, rollbackMessage, type Revision, type Source } from "./revision.ts";
import { addRevision, listRevisions, type Place } from "./store.ts";

/** A deploy that has succeeded. */
export interface Deployed {
  readonly source: Source;
  readonly images: Readonly<Record<string, string>>;
  /** Whether the engine changed anything. */
  readonly changed: boolean;
  /** The configured image of the backend. @default it was built from this checkout */
  readonly prebuilt?: string;
  /** The revision that the deploy went back to. @default none */
  readonly rollback?: Revision;
}

/** The migrations in the image of the backend. Of an image that was not built here, they are known from another revision. */
function migrationsOf({ prebuilt }: Deployed, kept: readonly Revision[]) {
  if (!prebuilt) return migrationsInSource();
  return kept.find(({ images }) => images.backend === prebuilt)?.migrations;
}

/** The revision to add; undefined where the deploy changed nothing since the newest one. */
export function revisionOf(deployed: Deployed, kept: readonly Revision[]): Revision | undefined {
  const { source, images, rollback, changed } = deployed;
  const [newest] = kept;
  const migrations = migrationsOf(deployed, kept);
  const revision: Revision = {
    number: (newest?.number ?? 0) + 1,
    ...source,
    outcome: rollback ? rollbackMessage(rollback) : "deployed",
    images,
    ...(migrations && { migrations }),
    // A rollback deploys a temporary file that names the images. What it went back to is the file of that revision.
    ...(rollback && { stageFile: rollback.stageFile }),
  };
  const isSame = newest && !changed && !differences(newest, revision).length;
  return isSame ? undefined : revision;
}

/** Records a deploy, unless it changed nothing. The deploy has succeeded even where that fails, so there is only a warning then. */
export async function recordDeploy(place: Place, deployed: Deployed): Promise<void> {
  try {
    const kept = await listRevisions(place);
    const revision = revisionOf(deployed, kept);
    if (!revision) return;
    await addRevision(place, revision, kept);
    progress.write(`recorded as revision ${revision.number}\n`);
  } catch (error) {
    const fix = error instanceof OperatorError ? `\n  ${error.fix}` : "";
    process.stderr.write(
      `\nwarning: this deploy is not recorded, so make rollback can't return to it: ${(error as Error).message}${fix}\n`,
    );
  }
}
