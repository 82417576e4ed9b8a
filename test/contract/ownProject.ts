/** A project with a state of its own, in which the commands of a test work: it is the current folder of the process meanwhile. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Where a test works. */
export interface OwnProject {
  readonly folder: string;
  /** Removes it, and gives the process its folder and its variables back. */
  readonly leave: () => void;
}

/** Makes a folder with the project's settings file and an empty state, and goes there. @param name begins the folder's name */
export function enterOwnProject(name: string): OwnProject {
  const checkout = process.cwd();
  const outside: Readonly<Record<string, string | undefined>> = { ...process.env };
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  mkdirSync(join(folder, "backend"));
  copyFileSync(join(ROOT, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
  process.chdir(folder);
  process.env.PULUMI_BACKEND_URL = `file://${folder}/backend`;
  process.env.PULUMI_CONFIG_PASSPHRASE = "passphrase";
  delete process.env.PULUMI_CONFIG_PASSPHRASE_FILE;
  const leave = () => {
    process.chdir(checkout);
    for (const key of ["BACKEND_URL", "CONFIG_PASSPHRASE", "CONFIG_PASSPHRASE_FILE"]) {
      const value = outside[`PULUMI_${key}`];
      if (value === undefined) Reflect.deleteProperty(process.env, `PULUMI_${key}`);
      else process.env[`PULUMI_${key}`] = value;
    }
    rmSync(folder, { recursive: true });
  };
  return { folder, leave };
}
