/** Runs the tools that operators use, and shapes the errors they read. */
import { spawn } from "node:child_process";

/** A problem for the operator: what is wrong, and what to do about it. Shown without a stack trace. */
export class OperatorError extends Error {
  readonly fix: string;

  constructor(message: string, fix: string) {
    super(message);
    this.fix = fix;
  }
}

export interface Result {
  readonly code: number;
  /** Standard output and standard error, as they came. */
  readonly output: string;
  readonly stdout: string;
}

/**
 * Runs a command.
 *
 * @param options.show also shows the output on the terminal while it comes @default false
 * @returns the exit code (127 where the command is not installed) and what it printed
 */
export function run(
  command: readonly [string, ...string[]],
  options: { readonly show?: boolean } = {},
): Promise<Result> {
  const [program, ...args] = command;
  return new Promise((resolve) => {
    let output = "";
    let stdout = "";
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    const collect = (stream: NodeJS.WriteStream) => (chunk: Buffer) => {
      output += chunk.toString();
      if (stream === process.stdout) stdout += chunk.toString();
      if (options.show) stream.write(chunk);
    };
    child.stdout.on("data", collect(process.stdout));
    child.stderr.on("data", collect(process.stderr));
    child.on("error", (error) => resolve({ code: 127, output: error.message, stdout }));
    child.on("close", (code) => resolve({ code: code ?? 1, output, stdout }));
  });
}

/** Runs an operation of the command line: an OperatorError becomes two lines and exit code 1. */
export async function main(operation: () => Promise<void>): Promise<void> {
  try {
    await operation();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    process.stderr.write(`\nerror: ${error.message}\n  fix: ${error.fix}\n`);
    process.exitCode = 1;
  }
}
