/** Runs the tools that operators use, and shapes the errors they read. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** A problem for the operator: what is wrong, and what to do about it. Shown without a stack trace. */
export class OperatorError extends Error {
  readonly fix: string;

  constructor(message: string, fix: string) {
    super(message);
    this.fix = fix;
  }
}

/** The fix for an operation of the engine that stopped halfway. */
export const CONTINUES =
  "once the cause is removed, run the same command again: it continues where this one stopped";

export interface Result {
  readonly code: number;
  /** Standard output and standard error, as they came. */
  readonly output: string;
  readonly stdout: string;
}

/**
 * Runs a command.
 *
 * @param options.show also shows the output on the terminal, line by line as it comes @default false
 * @param options.hide lines to leave out of what is shown @default none
 * @returns the exit code (127 where the command is not installed) and what it printed
 */
export function run(
  command: readonly [string, ...string[]],
  options: { readonly show?: boolean; readonly hide?: RegExp } = {},
): Promise<Result> {
  const [program, ...args] = command;
  return new Promise((resolve) => {
    let output = "";
    let stdout = "";
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    const collect = (source: Readable, terminal: NodeJS.WriteStream) =>
      createInterface({ input: source }).on("line", (line) => {
        output += `${line}\n`;
        if (source === child.stdout) stdout += `${line}\n`;
        if (options.show && !options.hide?.test(line)) terminal.write(`${line}\n`);
      });
    collect(child.stdout, process.stdout);
    collect(child.stderr, process.stderr);
    child.on("error", (error) => resolve({ code: 127, output: error.message, stdout }));
    child.on("close", (code) => resolve({ code: code ?? 1, output, stdout }));
  });
}

/** Runs an operation of the command line: an OperatorError becomes two lines and exit code 1. */
export async function main(operation: () => Promise<void> | void): Promise<void> {
  try {
    await operation();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    process.stderr.write(`\nerror: ${error.message}\n  fix: ${error.fix}\n`);
    process.exitCode = 1;
  }
}
