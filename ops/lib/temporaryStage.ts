/** Deploys a stage with other settings than those of its file. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Stage } from "./stage.ts";

/** Calls `use` with the stage and a temporary stage file of that content, so that its own file stays as it is. */
export async function withTemporaryStage<T>(
  { name, file }: Stage,
  content: string,
  use: (stage: Stage) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "todo-app-stage-"));
  const temporary = join(folder, basename(file));
  try {
    writeFileSync(temporary, content, { mode: 0o600 });
    return await use({ name, file: temporary });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
