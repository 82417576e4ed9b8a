/** What the guides and the workflows tell an operator or a pipeline to run, so that tests run exactly that. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** The blocks of commands that a guide has below a heading. */
export function documented(guide: string, heading: string): readonly string[] {
  const section = readFileSync(guide, "utf8").split(`\n## ${heading}\n`)[1]?.split("\n## ")[0];
  const blocks = [...(section ?? "").matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, lines]) => lines!);
  assert.ok(blocks.length, `${guide} has no commands below "${heading}"`);
  return blocks;
}

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
