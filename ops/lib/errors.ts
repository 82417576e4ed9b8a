/** The errors that operators read: what is wrong, and what to do about it. */

/** A problem for the operator, shown as two lines and without a stack trace. */
export class OperatorError extends Error {
  /** What to do, as a command wherever there is one. */
  readonly fix: string;

  constructor(message: string, fix: string) {
    super(message);
    this.fix = fix;
  }
}

/** A release was deployed, or was being deployed, and can't work. */
export class ReleaseFailure extends OperatorError {}

/** The fix for an operation of the engine that stopped halfway. */
export const CONTINUES =
  "once the cause is removed, run the same command again: it continues where this one stopped";

/** Runs a program. An OperatorError is shown as an error with its fix, and becomes exit code 1. */
export async function main(program: () => Promise<void> | void): Promise<void> {
  try {
    await program();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    process.stderr.write(`\nerror: ${error.message}\n  fix: ${error.fix}\n`);
    process.exitCode = 1;
  }
}
