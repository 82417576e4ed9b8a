/** Puts back what was changed by hand in the cluster of a stage. */
import { deploy } from "../deploy.ts";
import { plannedChanges } from "../engine/plan.ts";
import { OperatorError } from "../errors.ts";
import { progress } from "../output.ts";
import type { Stage } from "../stage.ts";
import { putBack, type DriftedObject } from "./drift.ts";
import { driftOf, reportText } from "./report.ts";

/**
 * Refuses what could only be put back empty or at the cost of data.
 *
 * @throws OperatorError that names the objects, before anything changes
 */
export function refuseLostData(stage: string, objects: readonly DriftedObject[]): void {
  const lost = objects.filter(
    ({ holdsData, gone, fields }) =>
      holdsData && (gone || fields.some(({ path }) => path.startsWith("spec"))),
  );
  if (!lost.length) return;
  const lines = lost.map(
    ({ kind, name, gone }) => `  ${kind} ${name} ${gone ? "is gone" : "has another spec"}`,
  );
  throw new OperatorError(
    `what holds the data of ${stage} can't be put back, and nothing was changed:\n${lines.join("\n")}`,
    lost.some(({ gone }) => gone)
      ? `to start with an empty database, into which a backup can be restored: pulumi refresh --stack ${stage}, ` +
          `then make up STAGE=${stage} and docs/backup.md`
      : `set the size that it has now in the stage file (todo-app:database), or change the object back by hand`,
  );
}

/**
 * Says what only a deploy puts back. A heal that was ended halfway, or a refresh by hand, has taken what was changed into the
 * state: it is no drift any more.
 */
async function nameUndeployed(stage: Stage): Promise<void> {
  const { changes } = await plannedChanges(stage);
  if (changes.length)
    process.stdout.write(
      `\nthe checkout differs from that, or a make heal was ended halfway: make up STAGE=${stage.name} deploys it\n`,
    );
}

/** Shows the drift of a stage, and puts back what the stack sets. */
export async function heal(stage: Stage, options: { readonly yes: boolean }): Promise<void> {
  const { report } = await driftOf(stage);
  progress.write(reportText(report));
  if (!report.drifted) return nameUndeployed(stage);
  refuseLostData(stage.name, report.objects);
  await deploy(stage, { yes: options.yes, heal: true });
  // The engine compares no more elements of a list than the stack has set, so it misses what was appended.
  const {
    report: { context },
    drifted,
  } = await driftOf(stage);
  for (const object of drifted.filter(({ gone }) => !gone)) {
    await putBack(context, object);
    progress.write(`put back: ${object.kind} ${object.name}\n`);
  }
  const { report: left } = drifted.length ? await driftOf(stage) : { report: { objects: [] } };
  if (left.objects.length)
    throw new OperatorError(
      `${stage.name} still differs in ${left.objects.map(({ kind, name }) => `${kind} ${name}`).join(", ")}`,
      `make drift STAGE=${stage.name} names the fields, and what writes them again`,
    );
  process.stdout.write(`${stage.name} is as its stack sets it\n`);
}
