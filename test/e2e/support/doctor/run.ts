/** `make doctor` as a pipeline calls it, and the check that it names a fault. */
import assert from "node:assert/strict";
import type { Report } from "../../../../ops/lib/doctor/report.ts";
import { attempt, eventually } from "../shell.ts";
import { kubectl, type Fault, type Undo } from "./fault.ts";

/** How long the stage may take until nothing is wrong with it any more, in seconds. */
const RECOVERY_SECONDS = 240;

/** What the doctor says first, without the findings that follow from it. */
interface Diagnosis {
  readonly code: number;
  /** The rule of the first finding, or why it can't look; empty if nothing is wrong. */
  readonly first: string;
  /** The first finding, or the error, as text. */
  readonly text: string;
  /** All that it has said. */
  readonly output: string;
}

async function doctor({
  env,
  file,
}: Partial<Pick<Fault, "env" | "file">> = {}): Promise<Diagnosis> {
  const stageFile = file?.() ?? "$(local/stage-file dev)";
  const { code, output } = await attempt(`node ops/doctor.ts dev "${stageFile}" --json`, {
    env: env?.(),
  });
  const reason = /^error: can't look \((.*?)\)/m.exec(output)?.[1];
  if (reason) return { code, first: `can't look: ${reason}`, text: output, output };
  const begin = output.indexOf("{\n");
  assert.ok(begin >= 0, output);
  const { findings } = JSON.parse(output.slice(begin)) as Report;
  const [first] = findings;
  const { problem = "", evidence = [], cause = "", fix = "" } = first ?? {};
  const text = [problem, ...evidence, cause, fix].join("\n");
  return { code, first: first?.rule ?? "", text, output };
}

/** Waits until nothing is wrong with dev. */
export const healthy = () =>
  eventually(RECOVERY_SECONDS, async () => {
    for (const workload of ["statefulset/postgres", "deployment/backend", "deployment/frontend"])
      await kubectl(`rollout status ${workload} --timeout 120s`);
    const { code, output } = await doctor();
    assert.equal(code, 0, output);
  });

/** Undoes all steps, the last one first, also where one of them fails. */
async function undo(steps: readonly Undo[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps.toReversed())
    await step().catch((error: unknown) => failures.push(error));
  if (failures.length) throw failures[0];
}

/** Causes a fault, waits until the doctor names it first, undoes it and waits until nothing is wrong. */
export async function names(fault: Fault): Promise<void> {
  const steps: Undo[] = [];
  try {
    await fault.cause((step) => steps.push(step));
    await eventually(fault.seconds ?? 60, async () => {
      const { code, first, text, output } = await doctor(fault);
      assert.equal(first, fault.rule, output);
      assert.equal(code, first.startsWith("can't look") ? 2 : 1);
      if (fault.says) assert.match(text, fault.says);
    });
  } finally {
    await undo(steps);
  }
  await healthy();
}
