/** Applies the rules to a snapshot, and puts each finding under the one from which it may follow. */
import type { DriftedObject } from "../drift/drift.ts";
import { changeText, ownerText } from "../drift/report.ts";
import type { Finding, Found, Rule } from "./finding.ts";
import type { Snapshot } from "./snapshot.ts";
import { RULES } from "./table.ts";

interface Candidate {
  readonly rule: Rule;
  readonly found: Found;
  readonly root: number;
}

/** The workloads without which the others do not work. */
const DATABASE = ["StatefulSet/postgres", "Cluster/postgres"];

const isAbout = ({ about = [] }: Found, objects: readonly string[]) =>
  about.some((object) => object !== "" && objects.includes(object));

function explains({ rule, found }: Candidate, other: Pick<Candidate, "rule" | "found">): boolean {
  if (!rule.explains?.includes(other.rule.name)) return false;
  if (rule.only !== "same object") return true;
  const about = found.about ?? [];
  return isAbout(other.found, about) || isService(about, other.found) || isAbout(found, DATABASE);
}

/** Whether a finding is about the Service or the budget that is named like one of these workloads. */
const isService = (workloads: readonly string[], { about: [first] = [] }: Found) =>
  /^(Service|PodDisruptionBudget)\//.test(first ?? "") &&
  workloads.some((workload) => workload.split("/")[1] === first?.split("/")[1]);

/** At most this many changed fields are shown of an object. */
const SHOWN = 3;

/** Adds who has changed, by hand, what the finding is about. */
function withChanges(found: Found, { drift = [], stage }: Snapshot): Found {
  const changed = drift.filter(
    ({ kind, name, gone }) => !gone && isAbout(found, [`${kind}/${name}`]),
  );
  const lines = changed.flatMap(({ kind, name, fields }: DriftedObject) =>
    fields
      .slice(0, SHOWN)
      .map((field) => `${kind} ${name} was changed: ${changeText(field)}, ${ownerText(field)}`),
  );
  const isKnown = !lines.length || found.fix.includes("make heal");
  return {
    ...found,
    evidence: [...found.evidence, ...lines],
    fix: isKnown ? found.fix : `make heal STAGE=${stage} puts the change back; or ${found.fix}`,
  };
}

/** What is wrong, causes first. Each finding has below it those that may follow from it. */
export function diagnose(snapshot: Snapshot): readonly Finding[] {
  const all: Candidate[] = [];
  for (const rule of RULES)
    for (const found of rule.find(snapshot)) {
      const cause = all.find((candidate) => explains(candidate, { rule, found }));
      all.push({ rule, found: withChanges(found, snapshot), root: cause?.root ?? all.length });
    }
  const findingOf = ({ rule, found }: Candidate, follows: readonly Finding[] = []): Finding => ({
    rule: rule.name,
    ...found,
    follows,
  });
  return all.flatMap((candidate, index) => {
    if (candidate.root !== index) return [];
    const below = all.filter(({ root }, other) => root === index && other !== index);
    return [
      findingOf(
        candidate,
        below.map((each) => findingOf(each)),
      ),
    ];
  });
}

/** What was looked at, in one line. */
export function lookedAt(snapshot: Snapshot): string {
  const { objects, around, inside, drift } = snapshot;
  const count = (kind: string, from = objects) =>
    from.filter((object) => object.kind === kind).length;
  const parts = [
    `${count("Pod")} pods`,
    `${objects.length} objects`,
    `${count("Node", around)} nodes`,
    ...(inside ? ["the database as a pod sees it"] : []),
    ...(drift ? ["changes by hand"] : []),
  ];
  return `${parts.join(", ")}, by ${RULES.length} rules`;
}
