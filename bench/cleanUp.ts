/** Removes what a measurement has made: at its end, and where an earlier run was ended, at the beginning of the next. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a folder for a part that runs once at a time. Those that earlier runs have left, which may hold secrets, are removed. */
export function temporaryFolder(name: string): string {
  const prefix = `todo-app-${name}-`;
  for (const left of readdirSync(tmpdir()).filter((entry) => entry.startsWith(prefix)))
    rmSync(join(tmpdir(), left), { recursive: true });
  return mkdtempSync(join(tmpdir(), prefix));
}

/** Runs `use`, and then every clean-up, also after one that fails. The error of a clean-up is printed, so that it hides no other. */
export async function withCleanUp<Result>(
  use: () => Promise<Result>,
  cleanUps: readonly (() => unknown)[],
): Promise<Result> {
  try {
    return await use();
  } finally {
    for (const cleanUp of cleanUps)
      try {
        await cleanUp();
      } catch (error) {
        process.stderr.write(`  not removed: ${(error as Error).message}\n`);
        process.exitCode = 1;
      }
  }
}
