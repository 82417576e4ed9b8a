/** Asks before what is protected is changed. */
import { createInterface } from "node:readline/promises";
import { OperatorError } from "../command.ts";

/** Who is asked. */
interface Operator {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream;
}

/** Whether the answer is given already: YES=1 in the environment, or --yes on the command line. */
const isAnswered = () => process.env.YES === "1" || process.argv.includes("--yes");

/**
 * Asks the operator, unless the answer is given already.
 *
 * @param prepare shows what the question is about; not called where nobody is asked @default nothing is shown
 * @throws OperatorError when the answer is not yes, or there is nobody to ask
 */
export async function confirm(
  question: string,
  command: string,
  prepare: () => Promise<void> = () => Promise.resolve(),
  { input, output }: Operator = { input: process.stdin, output: process.stdout },
): Promise<void> {
  if (isAnswered()) return;
  const fix = `${command} YES=1 asks nothing, for pipelines`;
  if (!input.isTTY) throw new OperatorError(`nobody is here to answer: ${question}`, fix);
  await prepare();
  const terminal = createInterface({ input, output });
  try {
    const answer = await new Promise<string>((resolve) => {
      // Ctrl-C and Ctrl-D close it without an answer.
      terminal.once("close", () => resolve(""));
      terminal.question(`${question} [y/N] `).then(resolve, () => resolve(""));
    });
    if (!/^y(es)?$/i.test(answer.trim()))
      throw new OperatorError("not confirmed, nothing was changed", fix);
  } finally {
    terminal.close();
  }
}
