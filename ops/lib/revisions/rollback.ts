/** Deploys the images and the settings of an earlier revision again. */
import { baseOf, drain, runningIn } from "../canary/steps.ts";
import { deploy } from "../deploy.ts";
import { progress } from "../output.ts";
import type { Stage } from "../stage.ts";
import { readYaml } from "../yaml.ts";
import { shortCommit, shortTime } from "./describe.ts";
import { differences } from "./differences.ts";
import { checkTarget, restoredFile, reuseOf, withCountersKept, withStageFile } from "./restore.ts";
import type { Migrations, Revision } from "./revision.ts";

function announce(stage: string, current: Revision, target: Revision): void {
  const { number, time, user, commit = null, dirty = null } = target;
  const changes = differences(current, target);
  progress.write(
    `${stage} goes back to revision ${number} (${shortTime(time)}, ${user}, ${shortCommit({ commit, dirty })}): ` +
      `${changes.join("; ") || "the images and settings of the newest revision"}\n` +
      "  the stack's program stays that of this checkout\n",
  );
  if (!target.migrations)
    progress.write(
      `  warning: it is not recorded which migrations the images of revision ${number} know; the schema stays as it is\n`,
    );
}

interface Options {
  /** Whether the rollback is confirmed. */
  readonly yes: boolean;
  /** Whether the images may run on a database with migrations that they do not know. */
  readonly newerSchema: boolean;
}

/**
 * Deploys a revision again, after it was checked that this can work.
 *
 * @param revisions those that are kept, newest first
 * @param unrecorded the migrations of a deploy that failed, and so is no revision @default none
 * @returns what was deployed: the revision, with counters of secrets that are not lowered
 */
export async function rollBack(
  stage: Stage,
  revision: Revision,
  revisions: readonly Revision[],
  options: Options,
  unrecorded: Migrations = {},
): Promise<Revision> {
  const target = withCountersKept(revision, revisions[0]!);
  checkTarget(stage, target, [unrecorded, ...revisions], options);
  announce(stage.name, revisions[0]!, target);
  const reuse = reuseOf(stage.name, target);
  const running = await runningIn(stage);
  const asked =
    running &&
    (await drain(stage, await baseOf(stage), running, { yes: options.yes, asks: reuse }));
  const yes = options.yes || asked === true;
  await withStageFile(stage, restoredFile(target, readYaml(stage.file)), (restored) =>
    deploy(restored, { yes, reuse, canary: "end" }),
  );
  return target;
}
