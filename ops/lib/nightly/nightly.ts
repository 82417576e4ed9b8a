/** What is checked each night: whether a stage was changed by hand, and whether its newest backup can be restored. */
import { requireBackups, type Wanted } from "../backups/place.ts";
import { OperatorError } from "../errors.ts";
import { cut } from "../output.ts";
import { block, code } from "../review/markdown.ts";
import { run } from "../run.ts";
import type { Stage } from "../stage.ts";

/** One check, and what came of it. */
export interface Check {
  readonly name: "drift" | "restore drill";
  readonly ok: boolean;
  /** The result in a sentence. */
  readonly result: string;
  /** What the command printed, where that is worth reading. */
  readonly output?: string;
}

/** A longer output is cut: both together fit into an issue. */
const LONGEST_OUTPUT = 25_000;
/** The exit code of `make drift ARGS=--exit-code` where something was changed. */
const DRIFT_FOUND = 3;

async function drift({ name, file }: Stage, start: typeof run): Promise<Check> {
  const { code, stdout, output } = await start(["node", "ops/drift.ts", name, file, "--exit-code"]);
  if (code === 0) return { name: "drift", ok: true, result: "nothing was changed by hand" };
  const found = code === DRIFT_FOUND;
  return {
    name: "drift",
    ok: false,
    result: found ? "something was changed by hand" : `the command failed with exit code ${code}`,
    output: found ? stdout : output,
  };
}

async function drill(
  { name, file }: Stage,
  config: Wanted | undefined,
  start: typeof run,
): Promise<Check> {
  try {
    requireBackups(name, config);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { name: "restore drill", ok: !!config, result: `not tried: ${error.message}` };
  }
  const { code, output } = await start(["node", "ops/drill.ts", name, file]);
  if (code === 0) return { name: "restore drill", ok: true, result: output.trim() };
  return {
    name: "restore drill",
    ok: false,
    result: `the command failed with exit code ${code}`,
    output,
  };
}

/** Makes the checks of a stage, one after the other. @param start runs a command @default as a program */
export async function checksOf(
  stage: Stage,
  config: Wanted | undefined,
  start = run,
): Promise<readonly Check[]> {
  return [await drift(stage, start), await drill(stage, config, start)];
}

/** The report as the text of an issue. Its first line is the marker, its second one the title. */
export function reportOf(stage: string, checks: readonly Check[], log?: string): string {
  const wrong = checks.filter(({ ok }) => !ok).map(({ name }) => name);
  const parts = checks.map(
    ({ name, result, output = "" }) =>
      `\n**${name}**: ${result}\n` + (output && `\n${block(cut(output.trim(), LONGEST_OUTPUT))}`),
  );
  return (
    `<!-- todo-app nightly: ${stage} -->\n` +
    `### Nightly checks of ${code(stage)}: ${wrong.join(", ") || "all right"}\n` +
    parts.join("") +
    (log ? `\n[log](${log})\n` : "")
  );
}
