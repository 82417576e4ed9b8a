/** Runs the tools that operators use: pulumi, kubectl, docker and others. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

export interface Result {
  readonly code: number;
  /** Standard output and standard error, in the order in which their lines came. */
  readonly output: string;
  readonly stdout: string;
}

/**
 * Runs a program that prints text. Its output is collected line by line, so this is not for binary data.
 *
 * @param input what the program reads from standard input @default nothing
 * @returns the exit code (127 where the program is not installed) and what it printed
 */
export function run(command: readonly [string, ...string[]], input?: string): Promise<Result> {
  const [program, ...args] = command;
  return new Promise((resolve) => {
    let output = "";
    let stdout = "";
    const stdin = input === undefined ? "ignore" : "pipe";
    const child = spawn(program, args, { stdio: [stdin, "pipe", "pipe"] });
    child.stdin?.on("error", () => {}); // a program that ended without reading its input says why itself
    child.stdin?.end(input);
    const collect = (source: Readable) =>
      createInterface({ input: source }).on("line", (line) => {
        output += `${line}\n`;
        if (source === child.stdout) stdout += `${line}\n`;
      });
    collect(child.stdout!);
    collect(child.stderr!);
    child.on("error", (error) => resolve({ code: 127, output: error.message, stdout }));
    child.on("close", (code) => resolve({ code: code ?? 1, output, stdout }));
  });
}
