/** Asks before what is protected is changed. */
import { createInterface } from "node:readline/promises";
import { OperatorError } from "../command.ts";

/**
 * Asks the operator, unless the environment has YES=1.
 *
 * @throws OperatorError when the answer is no, or there is nobody to ask
 */
export async function confirm(question: string, command: string): Promise<void> {
  if (process.env.YES === "1") return;
  const fix = `${command} YES=1 asks nothing, for pipelines`;
  if (!process.stdin.isTTY) throw new OperatorError(`nobody is here to answer: ${question}`, fix);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim()))
      throw new OperatorError("not confirmed, nothing was changed", fix);
  } finally {
    terminal.close();
  }
}
