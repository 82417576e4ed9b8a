/** What a deploy has led to, as the engine's events say it. */
import type { EngineEvent, OpMap, Stack } from "@pulumi/pulumi/automation/index.js";

/** The outputs of a stack, and how many resources a deploy has changed. */
export class DeployResult {
  outputs: Readonly<Record<string, unknown>> = {};
  /** The number of resources by what happened to them. */
  changes: OpMap = {};

  readonly onEvent = ({ resOutputsEvent, summaryEvent }: EngineEvent): void => {
    const { type, new: state } = resOutputsEvent?.metadata ?? {};
    if (type === "pulumi:pulumi:Stack") this.outputs = state?.outputs ?? {};
    if (summaryEvent) this.changes = summaryEvent.resourceChanges;
  };
}

/**
 * A stack whose `up` returns no result, for a caller that reads it from the events. Otherwise the API starts the engine three
 * times after each deploy to ask for it, which takes a second.
 */
export const withoutResult = (stack: Stack): Stack =>
  Object.assign(Object.create(stack) as Stack, {
    outputs: () => Promise.resolve({}),
    info: () => Promise.resolve(undefined),
  });
