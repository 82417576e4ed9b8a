/** Revisions: what each deploy of a stage has deployed, from where and by whom. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join, parse } from "node:path";
import { run } from "../run.ts";
import { readYaml, type Values } from "../yaml.ts";
import { isDirty } from "./checkout.ts";

/** A stage file as written: settings whose secrets are encrypted, and how they are encrypted. */
export type StageFile = Values & { readonly config?: Values };

/** How a deploy ended, and where its images came from if it did not build them. */
export type Outcome =
  | "deployed"
  | "failed its smoke test"
  | `rollback to ${number}`
  | "canary promoted"
  | `promoted from ${string} ${number}`;

/** What the engine notes about a step of a canary, which is no revision. */
export const CANARY_STEP = "canary";

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

/** The migrations that an image of the backend has, as far as that is known. */
export interface Migrations {
  /** Names such as `0001_create_tasks`. @default not known */
  readonly migrations?: readonly string[];
  /** Those of them that say that every older release runs on the schema which they leave. @default none */
  readonly backwardCompatible?: readonly string[];
}

/** A record of one deploy. Keys may be added; those that are here keep their meaning. */
export interface Revision extends Source, Migrations {
  readonly number: number;
  readonly outcome: Outcome;
  /** What runs, by service. */
  readonly images: Readonly<Record<string, string>>;
}

/** The migrations that an image of the backend gets when it is built from this checkout. */
const MIGRATIONS = "app/backend/app/migrations/versions";

/** The line by which a migration says that every older release runs on the schema which it leaves. */
const BACKWARD_COMPATIBLE = /^backward_compatible = True$/m;

/** The migrations in this checkout; not known for an app that keeps them elsewhere. */
export function migrationsInSource(): Migrations {
  if (!existsSync(MIGRATIONS)) return {};
  const files = readdirSync(MIGRATIONS).filter((file) => file.endsWith(".py"));
  const sorted = files.sort();
  const isCompatible = (file: string) =>
    BACKWARD_COMPATIBLE.test(readFileSync(join(MIGRATIONS, file), "utf8"));
  return {
    migrations: sorted.map((file) => parse(file).name),
    backwardCompatible: sorted.filter(isCompatible).map((file) => parse(file).name),
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user that has no name.
    return process.env.USER ?? String(process.getuid?.() ?? "unknown");
  }
}

/** Notes what a deploy is made from. To be called when the deploy begins, because files may change meanwhile. */
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

/**
 * What a deploy takes over instead of building and reading it: images that exist already, of an earlier revision or of another
 * stage. The stage has a temporary stage file that names them.
 */
export interface Reuse extends Migrations {
  /** What the engine notes about the deploy, and what its revision says. */
  readonly outcome: Outcome;
  /** What the operator is asked, without the question mark. */
  readonly question: string;
  /** The command that does the same. */
  readonly command: string;
  /** The stage file to record. */
  readonly stageFile: StageFile;
}

/** The revision that a rollback went back to; undefined for another deploy. */
export function rollbackIn(message: string): number | undefined {
  const [, number] = /^rollback to (\d+)$/.exec(message) ?? [];
  return number === undefined ? undefined : Number(number);
}

/** The revision whose images and settings a revision has: itself, or where it went back to. */
export const originOf = ({ number, outcome }: Revision): number => rollbackIn(outcome) ?? number;
