/** Runs kubectl in the namespace of a stage. */
import { run, type Result } from "./run.ts";

/** Where a stage is. */
export interface Place {
  readonly context: string;
  readonly namespace: string;
}

/**
 * Runs a command that may take its time, such as one in a pod.
 *
 * @param input what the command reads from standard input @default nothing
 */
export const kubectl = (
  { context, namespace }: Place,
  command: readonly string[],
  input?: string,
): Promise<Result> =>
  run(["kubectl", `--context=${context}`, `--namespace=${namespace}`, ...command], input);

/** Asks the API server, which has 10 s for the answer. @param input as for `kubectl` */
export const request = (
  place: Place,
  command: readonly string[],
  input?: string,
): Promise<Result> => kubectl(place, ["--request-timeout=10s", ...command], input);
