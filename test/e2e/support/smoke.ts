/** `make smoke` as a pipeline calls it. */
import assert from "node:assert/strict";
import type { Report } from "../../../ops/lib/smoke/smoke.ts";
import { attempt } from "./shell.ts";

/** Runs the command itself, whose exit code make would hide. @returns its exit code and its report */
export async function smoke(stage: string, ...options: string[]) {
  const line = `file=$(local/stage-file ${stage}); node ops/smoke.ts ${stage} "$file" --json ${options.join(" ")} 2>/dev/null`;
  const { code, output } = await attempt(line);
  assert.match(output, /^\{/, "standard output is the report alone");
  return { code, report: JSON.parse(output) as Report };
}

/** The checks that are not ok, each with what it found. */
export const failed = ({ checks }: Report): string[] =>
  checks.filter(({ ok }) => !ok).map(({ name, found }) => `${name}: ${found}`);
