/** What a deploy would change, in a form that pipelines read. */
import type { EngineEvent, OpMap, Stack } from "@pulumi/pulumi/automation/index.js";
import { OperatorError } from "../errors.ts";
import type { Stage } from "../stage.ts";
import { openForPreview } from "./difference.ts";
import { COUNTED, resourceOf } from "./display.ts";
import { engineFailure } from "./failure.ts";
import { runShown } from "./operation.ts";
import { policyPacks } from "./policies.ts";

type Count = (typeof COUNTED)[number];
/** What a deploy can do to a resource. */
type Operation = Exclude<Count, "same">;

interface Change {
  readonly operation: Operation;
  readonly kind: string;
  readonly name: string;
  readonly urn: string;
  /** Paths of the properties that change. Their values may be secret, and are left out. */
  readonly properties: readonly string[];
}

/** The output of `preview --json`. Keys may be added; those that are here keep their meaning. */
export interface Plan {
  readonly stage: string;
  /** The number of resources by what would happen to them; `same` counts those that stay as they are. */
  readonly summary: Readonly<Record<Count, number>>;
  /** One entry for each resource that would change, in the engine's order. */
  readonly changes: readonly Change[];
}

/** Whether an operation of the engine has changed anything, by its count of resources. */
export const hasChanges = (counts: OpMap): boolean =>
  COUNTED.some((operation) => operation !== "same" && (counts[operation] ?? 0) > 0);

/** A replacement has several steps in the engine: it creates the new resource and deletes the original. */
function operationOf(op: string): Operation | undefined {
  if (op.endsWith("-replacement") && op !== "read-replacement") return "replace";
  if (op === "delete-replaced") return "replace";
  return COUNTED.find((operation): operation is Operation => operation === op && op !== "same");
}

/** Collects the changes of a preview from the engine's events. */
export class PlanCollector {
  private readonly changes = new Map<string, Change>();
  private counts: OpMap = {};

  readonly onEvent = ({ resourcePreEvent, summaryEvent }: EngineEvent): void => {
    if (summaryEvent) this.counts = summaryEvent.resourceChanges;
    if (!resourcePreEvent) return;
    const { op, urn, diffs, detailedDiff } = resourcePreEvent.metadata;
    const operation = operationOf(op);
    if (!operation) return;
    const paths = Object.keys(detailedDiff ?? {});
    const properties = paths.length ? paths : (diffs ?? []);
    // Not every step of a replacement names the properties.
    const before = this.changes.get(urn)?.properties ?? [];
    const all = [...new Set([...before, ...properties])].sort();
    this.changes.set(urn, { operation, ...resourceOf(urn), urn, properties: all });
  };

  plan(stage: string): Plan {
    const counts = COUNTED.map((each) => [each, this.counts[each] ?? 0] as const);
    const summary = Object.fromEntries(counts) as Plan["summary"];
    return { stage, summary, changes: [...this.changes.values()] };
  }
}

/** Shows what a deploy would change. @param onEvent also gets the engine's events */
export async function showPlan(
  stack: Stack,
  { file }: Stage,
  onEvent?: (event: EngineEvent) => void,
): Promise<void> {
  try {
    await runShown(
      stack,
      "preview",
      (options) => stack.preview({ ...options, configFile: file, policyPacks: policyPacks(stack) }),
      { tense: "planned", onEvent },
    );
  } catch (error) {
    throw error instanceof OperatorError ? error : engineFailure(stack.name, error);
  }
}

/** The changes that a deploy would make; they are shown as well. */
export async function plannedChanges(stage: Stage): Promise<Plan> {
  const stack = await openForPreview(stage);
  const collector = new PlanCollector();
  await showPlan(stack, stage, collector.onEvent);
  return collector.plan(stage.name);
}
