/** Deploys a release, tests it where that is asked for, and takes it back where it can't work. */
import { deploy, type DeployOptions } from "./deploy.ts";
import { OperatorError, ReleaseFailure } from "./errors.ts";
import { lastThatWorked } from "./revisions/restore.ts";
import { migrationsInSource } from "./revisions/revision.ts";
import { rollBack } from "./revisions/rollback.ts";
import { listRevisions } from "./revisions/store.ts";
import { smokeTest } from "./smoke/smoke.ts";
import { settingsOf, type Stage } from "./stage.ts";

const VARIABLE = "AUTO_ROLLBACK";

/** What the environment says about going back: undefined where it leaves that to the stage file. */
export function automaticByEnvironment(): boolean | undefined {
  const value = process.env[VARIABLE] ?? "";
  if (!["", "0", "1"].includes(value))
    throw new OperatorError(
      `${VARIABLE} is "${value}"; allowed: 1 (go back when a release can't work) or 0 (leave it as it is)`,
      `unset ${VARIABLE}: then automaticRollback of the stage file decides`,
    );
  return value === "" ? undefined : value === "1";
}

/** Goes back to the last revision that worked. @returns the error with which the command ends */
async function takenBack(
  stage: Stage,
  failure: ReleaseFailure,
  reuse: DeployOptions["reuse"],
): Promise<OperatorError> {
  process.stderr.write(
    `\nerror: ${failure.message}\n\n${stage.name} now goes back by itself; ${VARIABLE}=0 would leave it as it is\n`,
  );
  const unrecorded = reuse ?? migrationsInSource();
  try {
    const revisions = await listRevisions(await settingsOf(stage));
    const target = lastThatWorked(revisions);
    if (!target) throw new OperatorError("there is no revision that worked before", failure.fix);
    const options = { yes: true, newerSchema: false };
    await rollBack(stage, target, revisions, options, unrecorded);
    return new OperatorError(
      `the release failed for the reason above; ${stage.name} runs revision ${target.number} again`,
      failure.fix,
    );
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return new OperatorError(
      `the release failed for the reason above, and ${stage.name} did not go back: ${error.message}`,
      error.fix,
    );
  }
}

interface Options extends Omit<DeployOptions, "test"> {
  /** Whether the deployed stage is tested as `make smoke` does it. */
  readonly smoke: boolean;
}

/**
 * Deploys a release. One that can't work, or fails its smoke test, is taken back where AUTO_ROLLBACK or the stage's
 * `automaticRollback` says so.
 *
 * @throws OperatorError where the release failed, whether it was taken back or not
 */
export async function release(stage: Stage, { smoke, ...options }: Options): Promise<void> {
  const automatic = automaticByEnvironment();
  try {
    await deploy(stage, { ...options, ...(smoke && { test: () => smokeTest(stage) }) });
  } catch (error) {
    if (!(error instanceof ReleaseFailure)) throw error;
    if (!(automatic ?? (await settingsOf(stage)).automaticRollback)) throw error;
    throw await takenBack(stage, error, options.reuse);
  }
}
