/** Whether a checkout differs from its commit. */
import { run } from "../run.ts";
import { parseYaml, readYaml } from "../yaml.ts";
import { settingDifferences } from "./differences.ts";

const STAGE_FILE = /^Pulumi\.[^./]+\.yaml$/;

/** Whether a stage file sets what it set in the commit. */
async function isSetAsCommitted(file: string): Promise<boolean> {
  const { code, stdout } = await run(["git", "show", `HEAD:./${file}`]);
  if (code !== 0) return false;
  try {
    const [before, now] = [parseYaml(stdout), readYaml(file)];
    return (
      before.secretsprovider === now.secretsprovider && !settingDifferences(before, now).length
    );
  } catch {
    // The file was removed, or is not YAML: both are changes.
    return false;
  }
}

/**
 * Whether the checkout in the current folder differs from its commit. What Pulumi itself does to a stage file when it deploys does
 * not count: it adds how the secrets are encrypted, and writes `true` as `"true"`.
 */
export async function isDirty(): Promise<boolean> {
  const [changed, untracked] = await Promise.all([
    run(["git", "diff", "--relative", "--name-only", "HEAD"]),
    run(["git", "ls-files", "--others", "--exclude-standard"]),
  ]);
  if (changed.code !== 0 || untracked.code !== 0 || untracked.stdout) return true;
  const files = changed.stdout.split("\n").filter(Boolean);
  if (!files.every((file) => STAGE_FILE.test(file))) return true;
  return !(await Promise.all(files.map(isSetAsCommitted))).every(Boolean);
}
