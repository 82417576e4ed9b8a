/** One operation of the engine, shown as it goes; the operator may end it. */
import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { OperatorError } from "../command.ts";
import { Display } from "./display.ts";
import { once } from "./engine.ts";
import { withLock } from "./lock.ts";

/** What every operation of a Stack takes. */
export interface EngineOptions {
  readonly onEvent: (event: EngineEvent) => void;
  readonly signal: AbortSignal;
}

interface Options {
  /** Whatever else wants to see the events. @default nothing */
  readonly onEvent?: (event: EngineEvent) => void;
  /** Rejects when there is no point in going on: the engine is told to end. @default never */
  readonly giveUp?: Promise<never>;
}

/** How long the engine may take to end after it was asked to: it writes its state. */
const SECONDS_TO_END = 20;

/**
 * Runs an operation that locks the stack.
 *
 * @param operation what it is called in the name of its log, such as "up"
 * @throws the engine's error, after everything that it said was shown; or what `giveUp` rejects with
 */
export async function runShown<T>(
  stack: Stack,
  operation: string,
  call: (options: EngineOptions) => Promise<T>,
  { onEvent = () => {}, giveUp = new Promise(() => {}) }: Options = {},
): Promise<T> {
  const display = new Display(stack.name, operation);
  const abort = new AbortController();
  const interrupt = () => {
    process.stdout.write("\nending cleanly; once more to end at once\n");
    abort.abort();
  };
  process.once("SIGINT", interrupt);
  const listener = once((event) => {
    display.onEvent(event);
    onEvent(event);
  });
  const ending = new AbortController();
  const engine = withLock(stack, () => call({ onEvent: listener, signal: abort.signal })).finally(
    () => ending.abort(),
  );
  try {
    return await Promise.race([engine, giveUp]);
  } catch (error) {
    if (!ending.signal.aborted) {
      abort.abort();
      const late = new Promise((resolve) => setTimeout(resolve, SECONDS_TO_END * 1000).unref());
      await Promise.race([engine.catch(() => {}), late]);
    } else if (!(error instanceof OperatorError)) display.showErrors();
    throw error;
  } finally {
    display.close();
    process.off("SIGINT", interrupt);
  }
}
