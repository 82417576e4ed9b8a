/** A smoke test: whether a deployed stage works, seen from outside and through the API of its cluster. */
import { OperatorError } from "../errors.ts";
import { progress } from "../output.ts";
import type { Stage } from "../stage.ts";
import { lineOf, makeChecks, type Result } from "./check.ts";
import { siteOf, targetOf, type Target } from "./deployed.ts";
import { readingChecks } from "./reading.ts";
import { writingChecks } from "./writing.ts";

/** Whether accounts and tasks are made, and deleted again; `end-pods` also ends every backend pod meanwhile. */
export type Mode = "write" | "read-only" | "end-pods";

/** The output of `smoke --json`. Keys may be added; those that are here keep their meaning. */
export interface Report {
  readonly stage: string;
  readonly url: string;
  readonly mode: Mode;
  /** Whether every check is ok. */
  readonly passed: boolean;
  readonly checks: readonly Result[];
}

/** After a deploy, a controller takes some seconds to serve a new certificate, and an autoscaler may just have added a pod. */
const PATIENCE_MS = 30_000;

const MODES: Readonly<Record<Mode, string>> = {
  write: "with throw-away accounts, which are deleted again",
  "read-only": "read-only, nothing is left behind",
  "end-pods": "with throw-away accounts, which are deleted again; every backend pod is ended",
};

/** Makes the checks of a stage, and prints a line for each. */
export async function check(
  target: Target,
  mode: Mode = target.protected ? "read-only" : "write",
  patienceMs = PATIENCE_MS,
): Promise<Report> {
  const { stage, url } = target;
  progress.write(`smoke test of ${stage}, ${url.origin}: ${MODES[mode]}\n`);
  const site = await siteOf(target);
  const checks = await makeChecks(
    [
      ...readingChecks(target, site),
      ...(mode === "read-only" ? [] : writingChecks(target, site, mode === "end-pods")),
    ],
    patienceMs,
    (result) => progress.write(`${lineOf(result)}\n`),
  );
  return { stage, url: url.origin, mode, passed: checks.every(({ ok }) => ok), checks };
}

/** Makes the checks of a stage. @returns what they found */
export const smokeReport = async (stage: Stage, mode?: Mode): Promise<Report> =>
  check(await targetOf(stage), mode);

/**
 * Makes the checks of a stage.
 *
 * @throws OperatorError that names those which are not ok
 */
export async function smokeTest(stage: Stage, mode?: Mode): Promise<void> {
  const { checks } = await smokeReport(stage, mode);
  const failed = checks.filter(({ ok }) => !ok).map(({ name }) => name);
  if (failed.length)
    throw new OperatorError(
      `${failed.length} of ${checks.length} checks of ${stage.name} are not ok: ${failed.join(", ")}`,
      `the line of each names a command that shows more; make smoke STAGE=${stage.name} checks again`,
    );
  progress.write(`all ${checks.length} checks are ok\n`);
}
