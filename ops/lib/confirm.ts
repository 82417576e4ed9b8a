/** Asks the operator before a protected stage is changed. */
import { createInterface } from "node:readline/promises";
import { OperatorError } from "./errors.ts";

interface Options {
  /** Whether the command line has answered yes, as YES=1 in the environment does. @default false */
  readonly yes?: boolean;
  /** Shows what the question is about; not called where nobody is asked. @default nothing is shown */
  readonly prepare?: () => Promise<void>;
  /** Where the operator answers. @default standard input */
  readonly input?: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Where the question is shown. @default standard output */
  readonly output?: NodeJS.WritableStream;
}

/**
 * Asks the operator, unless the answer is already given.
 *
 * @throws OperatorError when the answer is not yes, or when nobody is at a terminal to answer
 */
export async function confirm(
  question: string,
  command: string,
  { yes = false, prepare, input = process.stdin, output = process.stdout }: Options = {},
): Promise<void> {
  if (yes || process.env.YES === "1") return;
  const fix = `${command} YES=1 asks nothing, for pipelines`;
  if (!input.isTTY) throw new OperatorError(`nobody is here to answer: ${question}`, fix);
  await prepare?.();
  const terminal = createInterface({ input, output });
  try {
    const answer = await new Promise<string>((resolve) => {
      // Ctrl-C and Ctrl-D close the terminal's interface without an answer.
      terminal.once("close", () => resolve(""));
      terminal.question(`${question} [y/N] `).then(resolve, () => resolve(""));
    });
    if (!/^y(es)?$/i.test(answer.trim()))
      throw new OperatorError("not confirmed, nothing was changed", fix);
  } finally {
    terminal.close();
  }
}
