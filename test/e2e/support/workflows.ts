/** What the workflows run, so that tests run exactly that. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";

interface Step {
  readonly name?: string;
  readonly run?: string;
}

/** The command of a step of a workflow. @param begin with what its name, or the command itself, begins */
export function workflowStep(workflow: string, job: string, begin: string): string {
  const { jobs } = parse(readFileSync(`.github/workflows/${workflow}`, "utf8")) as {
    readonly jobs: Readonly<Record<string, { readonly steps: readonly Step[] }>>;
  };
  const found = jobs[job]?.steps.find(({ name, run }) => (name ?? run)?.startsWith(begin));
  assert.ok(found?.run, `${workflow} has no command "${begin}" in the job ${job}`);
  return found.run;
}
