/** The checks of a smoke test, one after the other, and what each of them found. */
import { setTimeout as sleep } from "node:timers/promises";

export interface Check {
  readonly name: string;
  /** What should be there. */
  readonly expected: string;
  /** The command that shows more, if something else is there. */
  readonly look: string;
  /** Names of the checks without which this one can't be made. @default none */
  readonly after?: readonly string[];
  /** Whether a failure may pass by itself within seconds, so that the check is repeated for a while. @default false */
  readonly repeat?: boolean;
  /**
   * Looks, and says in a few words what is there.
   *
   * @throws Error whose message says what is there instead
   */
  readonly run: () => Promise<string>;
}

/** Something else is there than what is expected. */
export class Unexpected extends Error {
  /** A command that shows more than that of the check; undefined where there is none. */
  readonly look?: string;

  constructor(found: string, look?: string) {
    super(found);
    this.look = look;
  }
}

/** What a check found. Keys may be added; those that are here keep their meaning. */
export interface Result {
  readonly name: string;
  readonly ok: boolean;
  readonly expected: string;
  readonly found: string;
  readonly look: string;
}

const PAUSE_MS = 2_000;

/** Makes a check until it passes or `deadline` is over, and once in any case. */
async function make({ name, expected, look, run }: Check, deadline: number): Promise<Result> {
  for (;;)
    try {
      return { name, ok: true, expected, found: await run(), look };
    } catch (error) {
      // Every error counts as a finding: the checks that follow delete what the ones before have made.
      if (Date.now() + PAUSE_MS > deadline) {
        const better = error instanceof Unexpected ? error.look : undefined;
        return { name, ok: false, expected, found: (error as Error).message, look: better ?? look };
      }
      await sleep(PAUSE_MS);
    }
}

/**
 * Makes the checks in their order.
 *
 * @param patienceMs how long, from now on, checks are repeated that may pass by themselves
 * @param show is told of each result at once
 */
export async function makeChecks(
  checks: readonly Check[],
  patienceMs: number,
  show: (result: Result) => void,
): Promise<readonly Result[]> {
  const deadline = Date.now() + patienceMs;
  const results: Result[] = [];
  const passed = (name: string) => results.some((result) => result.name === name && result.ok);
  for (const check of checks) {
    const { name, expected, look, after = [], repeat } = check;
    const lacking = after.find((other) => !passed(other));
    const result = lacking
      ? { name, ok: false, expected, found: `not tried, because "${lacking}" is not ok`, look }
      : await make(check, repeat ? deadline : 0);
    results.push(result);
    show(result);
  }
  return results;
}

/** A result in one line. */
export function lineOf({ name, ok, expected, found, look }: Result): string {
  if (ok) return `ok - ${name}: ${found}`;
  return `not ok - ${name}: expected ${expected}; came: ${found}; look: ${look}`;
}
