/** What a preview has found, for those who review a change: resources with the fields that change, errors and broken rules. */
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { differences, pathText, type Path } from "../drift/compare.ts";
import { openForPreview } from "../engine/difference.ts";
import { plain, violationText } from "../engine/display.ts";
import { PlanCollector, showPlan, type Plan } from "../engine/plan.ts";
import { OperatorError } from "../errors.ts";
import type { Stage } from "../stage.ts";
import { hasMarkedSecret, isMarkedSecret } from "../state/secrets.ts";

/** A property that changes. */
export interface Field {
  readonly path: string;
  /** The values before and after; absent where they may not be shown. A value that is not there is undefined. */
  readonly values?: readonly [before: unknown, after: unknown];
}

export interface Review {
  readonly plan: Plan;
  /** The fields of each resource that is updated or replaced, by its URN. */
  readonly fields: ReadonlyMap<string, readonly Field[]>;
  /** What makes the preview fail. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Types none of whose values are shown, not even those that the engine does not know as secrets. */
const ALL_SECRET = /:(Secret|RandomPassword)$/;

/** `spec.containers[0]["a.b"]` → `["spec", "containers", 0, "a.b"]` */
function stepsOf(path: string): Path {
  const steps = path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g);
  return [...steps].map(([, quoted, index, key]) =>
    index === undefined ? (quoted ?? key)! : Number(index),
  );
}

/** A value below `inputs`; whether it is, is in, or has a secret. */
function lookUp(
  inputs: unknown,
  path: Path,
): { readonly value: unknown; readonly secret: boolean } {
  let value = inputs;
  for (const step of path) {
    if (isMarkedSecret(value)) return { value: undefined, secret: true };
    value = (value as Record<string | number, unknown> | null | undefined)?.[step];
  }
  return { value, secret: hasMarkedSecret(value) };
}

type Step = NonNullable<EngineEvent["resourcePreEvent"]>["metadata"];

function fieldsOf({ type, old, new: now, detailedDiff }: Step): Field[] {
  const before: unknown = old?.inputs;
  const after: unknown = now?.inputs;
  if (!before || !after) return [];
  const named = Object.keys(detailedDiff ?? {});
  const paths = named.length ? named : differences(before, after).map(({ path }) => pathText(path));
  return paths.sort().map((path): Field => {
    const [from, to] = [before, after].map((inputs) => lookUp(inputs, stepsOf(path)));
    const hidden = from!.secret || to!.secret || ALL_SECRET.test(type);
    return hidden ? { path } : { path, values: [from!.value, to!.value] };
  });
}

/** Collects a review from the engine's events. */
export class ReviewCollector {
  private readonly plan = new PlanCollector();
  private readonly fields = new Map<string, readonly Field[]>();
  private readonly errors = new Set<string>();
  private readonly warnings = new Set<string>();

  readonly onEvent = (event: EngineEvent): void => {
    this.plan.onEvent(event);
    const { resourcePreEvent, diagnosticEvent, policyEvent } = event;
    if (resourcePreEvent) this.change(resourcePreEvent.metadata);
    if (diagnosticEvent?.severity === "error")
      this.errors.add(plain(diagnosticEvent.message).trim());
    if (policyEvent)
      (policyEvent.enforcementLevel === "mandatory" ? this.errors : this.warnings).add(
        violationText(policyEvent),
      );
  };

  /** @param failure with what the preview ended, where it has failed */
  review(stage: string, failure?: OperatorError): Review {
    const errors = [...this.errors].filter(Boolean);
    if (failure && !errors.length) errors.push(failure.message);
    return {
      plan: this.plan.plan(stage),
      fields: this.fields,
      errors,
      warnings: [...this.warnings],
    };
  }

  /** A replacement has several steps, of which not every one has the values before and after. */
  private change(step: Step): void {
    if (step.op === "same" || this.fields.get(step.urn)?.length) return;
    this.fields.set(step.urn, fieldsOf(step));
  }
}

/** Previews a stage. @returns what was found, and with what the preview has ended if it has failed */
export async function reviewStage(
  stage: Stage,
): Promise<{ readonly review: Review; readonly failure?: OperatorError }> {
  const collector = new ReviewCollector();
  try {
    await showPlan(await openForPreview(stage), stage, collector.onEvent);
    return { review: collector.review(stage.name) };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { review: collector.review(stage.name, error), failure: error };
  }
}
