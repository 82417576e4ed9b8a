/** What `make doctor` says. */
import { diagnose, lookedAt } from "./diagnose.ts";
import type { Finding } from "./finding.ts";
import type { Snapshot } from "./snapshot.ts";

/** The output of `doctor --json`. Keys may be added; those that are here keep their meaning. */
export interface Report {
  readonly stage: string;
  readonly context: string;
  readonly namespace: string;
  /** Whether nothing is wrong. */
  readonly healthy: boolean;
  /** What is wrong, causes first; in `follows` what may follow from it. */
  readonly findings: readonly Finding[];
  /** What could not be looked at, with the reason. */
  readonly notLookedAt: readonly string[];
  /** What was looked at, in words. */
  readonly lookedAt: string;
}

export function reportOf(snapshot: Snapshot): Report {
  const { stage, context, namespace, unread } = snapshot;
  const findings = diagnose(snapshot);
  return {
    stage,
    context,
    namespace,
    healthy: !findings.length,
    findings,
    notLookedAt: unread,
    lookedAt: lookedAt(snapshot),
  };
}

function findingText({ rule, problem, evidence, cause, fix, follows }: Finding): string {
  const lines = [
    `${problem} (${rule})`,
    `  cause: ${cause}`,
    ...evidence.map((text) => `  shown by: ${text}`),
    `  fix: ${fix}`,
    ...(follows.length ? ["  what may follow from it:"] : []),
    ...follows.map((finding) => `    ${finding.problem} (${finding.rule})`),
  ];
  return `${lines.join("\n")}\n`;
}

/** The report as text for a terminal. */
export function reportText({ stage, context, namespace, findings, ...report }: Report): string {
  const place = `namespace ${namespace} of context ${context}`;
  const unread = report.notLookedAt.map((text) => `not looked at: ${text}\n`).join("");
  if (!findings.length)
    return `nothing is wrong with ${stage}, ${place}: looked at ${report.lookedAt}\n${unread}`;
  const count = findings.length === 1 ? "1 thing is" : `${findings.length} things are`;
  return (
    `${count} wrong with ${stage}, ${place}; causes first\n\n` +
    `${findings.map(findingText).join("\n")}${unread && `\n${unread}`}`
  );
}
