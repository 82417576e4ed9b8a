/** Revisions: what each deploy of a stage has deployed, from where and by whom. */
import { existsSync, readdirSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { parse } from "node:path";
import { run } from "../run.ts";
import { readYaml, type Values } from "../yaml.ts";

/** A stage file as written: settings whose secrets are encrypted, and how they are encrypted. */
export type StageFile = Values & { readonly config?: Values };

/** How a deploy ended, and whether it went back to another revision. */
type Outcome = "deployed" | `rollback to ${number}`;

/** What a deploy is made from, as it is when the deploy begins. */
export interface Source {
  /** When the deploy began. */
  readonly time: string;
  /** Who deployed: `user@host`. */
  readonly user: string;
  /** Commit of the checkout; absent outside of a git repository. */
  readonly commit?: string;
  /** Whether the checkout had changes that are not in that commit. */
  readonly dirty?: boolean;
  readonly stageFile: StageFile;
}

/** A record of one deploy. Keys may be added; those that are here keep their meaning. */
export interface Revision extends Source {
  readonly number: number;
  readonly outcome: Outcome;
  /** What runs, by service. */
  readonly images: Readonly<Record<string, string>>;
  /** The schema migrations that the backend's image has; absent where that is not known. */
  readonly migrations?: readonly string[];
}

/** The migrations that an image of the backend gets when it is built from this checkout. */
const MIGRATIONS = "app/backend/app/migrations/versions";

/** Names of the migrations in this checkout, such as `0001_create_tasks`; undefined for an app that keeps them elsewhere. */
export function migrationsInSource(): readonly string[] | undefined {
  if (!existsSync(MIGRATIONS)) return undefined;
  const files = readdirSync(MIGRATIONS).filter((file) => file.endsWith(".py"));
  return files.map((file) => parse(file).name).sort();
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user that has no name.
    return process.env.USER ?? String(process.getuid?.() ?? "unknown");
  }
}

/** Whether the checkout differs from its commit. The line that Pulumi itself adds to a stage file does not count. */
async function isDirty(): Promise<boolean> {
  const [changed, untracked] = await Promise.all([
    run(["git", "diff", "HEAD", "--ignore-matching-lines=^encryptionsalt:"]),
    run(["git", "ls-files", "--others", "--exclude-standard"]),
  ]);
  return [changed, untracked].some(({ code, stdout }) => code !== 0 || stdout !== "");
}

/** Notes what a deploy is made from. To be called before the deploy, because files may change meanwhile. */
export async function sourceOf(file: string): Promise<Source> {
  const stageFile = readYaml(file);
  const { code, stdout } = await run(["git", "rev-parse", "--verify", "HEAD"]);
  return {
    time: new Date().toISOString(),
    user: `${userName()}@${hostname()}`,
    ...(code === 0 && { commit: stdout.trim(), dirty: await isDirty() }),
    stageFile,
  };
}

/** What the engine notes about a rollback, and what its revision says. */
export const rollbackMessage = ({ number }: Revision) => `rollback to ${number}` as const;

/** The revision that a rollback went back to; undefined for another deploy. */
export function rollbackIn(message: string): number | undefined {
  const [, number] = /^rollback to (\d+)$/.exec(message) ?? [];
  return number === undefined ? undefined : Number(number);
}

/** The revision whose images and settings a revision has: itself, or where it went back to. */
export const originOf = ({ number, outcome }: Revision): number => rollbackIn(outcome) ?? number;
