/** Records a deploy as a revision. */
import { OperatorError } from "../errors.ts";
import type { Place } from "../kubectl.ts";
import { progress } from "../output.ts";
import { differences } from "./differences.ts";
import {
  migrationsInSource,
  type Migrations,
  type Outcome,
  type Reuse,
  type Revision,
  type Source,
} from "./revision.ts";
import { addRevision, listRevisions } from "./store.ts";

/** A deploy whose rollouts have succeeded. */
export interface Deployed {
  readonly source: Source;
  readonly images: Readonly<Record<string, string>>;
  /** Whether the engine changed anything. */
  readonly changed: boolean;
  /** The configured image of the backend. @default it was built from this checkout */
  readonly prebuilt?: string;
  /** Where the images came from, if they are those of another deploy. @default built here, or set in the stage file */
  readonly reuse?: Reuse;
  /** @default that of `reuse`, else "deployed" */
  readonly outcome?: Outcome;
}

/** The migrations in the image of the backend. Of an image that was not built here, they are known from another revision. */
function migrationsOf({ prebuilt, reuse }: Deployed, kept: readonly Revision[]): Migrations {
  if (!prebuilt) return migrationsInSource();
  const known = reuse ?? kept.find(({ images }) => images.backend === prebuilt);
  return {
    ...(known?.migrations && { migrations: known.migrations }),
    ...(known?.backwardCompatible && { backwardCompatible: known.backwardCompatible }),
  };
}

/** The revision to add; undefined where the deploy changed nothing since the newest one. */
export function revisionOf(deployed: Deployed, kept: readonly Revision[]): Revision | undefined {
  const { source, images, reuse, changed, outcome } = deployed;
  const [newest] = kept;
  const revision: Revision = {
    number: (newest?.number ?? 0) + 1,
    ...source,
    outcome: outcome ?? reuse?.outcome ?? "deployed",
    images,
    ...migrationsOf(deployed, kept),
    // What was deployed is a temporary file that names the images.
    ...(reuse && { stageFile: reuse.stageFile }),
  };
  const isSame = newest && !changed && !outcome && !differences(newest, revision).length;
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
