/** Runs one operation of the engine, and shows its progress. The operator may end it. */
import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { CONTINUES, OperatorError } from "../errors.ts";
import { Display, type Tense } from "./display.ts";
import { Ending } from "./ending.ts";
import { complaintOf, once } from "./engine.ts";
import { withLock } from "./lock.ts";

/** Options that every operation of a Stack takes. */
export interface EngineOptions {
  readonly onEvent: (event: EngineEvent) => void;
  readonly signal: AbortSignal;
}

interface Options {
  /** Also gets the events. @default nothing else gets them */
  readonly onEvent?: (event: EngineEvent) => void;
  /** Rejects when the operation can't succeed any more, and the engine is to end. @default never */
  readonly giveUp?: Promise<never>;
  /** Whether what is shown has happened, or is only planned. @default "done" */
  readonly tense?: Tense;
  /** How long the engine may take to end after it was asked to. @default 10 s */
  readonly patienceMs?: number;
}

/**
 * Runs an operation that locks the stack.
 *
 * @param operation its name in messages and in the name of its log, such as "up"
 * @throws the engine's error, once its messages were shown; or what `giveUp` rejects with
 */
export async function runShown<T>(
  stack: Stack,
  operation: string,
  call: (options: EngineOptions) => Promise<T>,
  { onEvent, giveUp, tense, patienceMs }: Options = {},
): Promise<T> {
  const display = new Display(stack.name, operation, { tense });
  const abort = new AbortController();
  const listener = once((event) => {
    display.onEvent(event);
    onEvent?.(event);
  });
  const engine = withLock(stack, () => call({ onEvent: listener, signal: abort.signal }));
  const ending = new Ending(abort, engine, (text) => display.say(text), patienceMs);
  let givenUp = false as boolean; // a callback sets it, which the compiler does not see
  const hopeless = giveUp?.catch((reason: unknown) => {
    givenUp = true;
    throw reason;
  });
  try {
    return await Promise.race([engine, ...(hopeless ? [hopeless] : [])]);
  } catch (error) {
    if (givenUp) await ending.now();
    display.close();
    if (ending.asked)
      throw new OperatorError(
        `${operation} of ${stack.name} was ended before it was done`,
        CONTINUES,
      );
    if (givenUp) display.nameLog();
    else if (!(error instanceof OperatorError)) display.showErrors(complaintOf(error));
    throw error;
  } finally {
    display.close();
    ending.close();
  }
}
