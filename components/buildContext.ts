/** What the build of an image is sent, and a short hash of everything that it depends on. */
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** A line of a .dockerignore: https://docs.docker.com/build/concepts/context/#dockerignore-files */
interface Pattern {
  readonly text: string;
  readonly isException: boolean;
  readonly expression: RegExp;
}

function parsePattern(line: string): Pattern {
  const isException = line.startsWith("!");
  const text = line.slice(isException ? 1 : 0).replace(/^\.?\/+|\/+$/g, "");
  const source = text
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replace(/\*\*\/?|\*|\?/g, (glob) =>
      glob === "?" ? "[^/]" : glob === "*" ? "[^/]*" : glob === "**" ? ".*" : "(.*/)?",
    );
  // A pattern that matches a folder also matches everything below it.
  return { text, isException, expression: new RegExp(`^${source}(/|$)`) };
}

function readPatterns(context: string): Pattern[] {
  const file = join(context, ".dockerignore");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"))
    .map(parsePattern);
}

/** Whether Docker leaves the path out: the last matching pattern decides. */
const isIgnored = (path: string, patterns: readonly Pattern[]) =>
  patterns.findLast(({ expression }) => expression.test(path))?.isException === false;

/** Whether an exception (`!pattern`) may match something below an ignored folder. */
const mayHoldExceptions = (folder: string, patterns: readonly Pattern[]) =>
  patterns.some(
    ({ isException, text }) =>
      isException && (text.startsWith(`${folder}/`) || text.startsWith("*")),
  );

/** Docker reads these two files even if .dockerignore excludes them. */
export const READ_ALWAYS = ["Dockerfile", ".dockerignore"];

/** Whether the build is sent nothing of that path, which may be a folder. */
export function isLeftOut(context: string, path: string): boolean {
  if (READ_ALWAYS.includes(path)) return false;
  const patterns = readPatterns(context);
  return isIgnored(path, patterns) && !mayHoldExceptions(path, patterns);
}

/** The files of the build context, as sorted paths relative to it. */
export function contextFiles(context: string): string[] {
  const patterns = readPatterns(context);
  const filesIn = (folder: string): string[] =>
    readdirSync(join(context, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = folder ? `${folder}/${entry.name}` : entry.name;
      const ignored = isIgnored(path, patterns);
      if (entry.isDirectory())
        return ignored && !mayHoldExceptions(path, patterns) ? [] : filesIn(path);
      return ignored ? [] : [path];
    });
  return filesIn("").sort();
}

/** Kind and content of a file. Of the mode, only the executable bit counts, because git keeps no more of it. */
function describeFile(file: string, allModes: boolean): readonly [string, Buffer | string] {
  const { mode } = lstatSync(file);
  const isLink = (mode & 0o170000) === 0o120000;
  if (isLink) return ["link", readlinkSync(file)];
  const kind = mode & 0o100 ? "executable" : "file";
  return [allModes ? mode.toString(8) : kind, readFileSync(file)];
}

/**
 * Twelve hex digits that change with the files of the build context, with its Dockerfile and with `settings`.
 * Timestamps, owners and the path of the checkout do not count.
 *
 * @param options.allModes whether all bits of the files' modes count, as for Pulumi's docker plugin; checkouts differ in
 * them @default false
 */
export function contentHash(
  context: string,
  settings: readonly string[],
  { allModes = false }: { readonly allModes?: boolean } = {},
): string {
  const hash = createHash("sha256").update(JSON.stringify(settings));
  const files = new Set([...READ_ALWAYS, ...contextFiles(context)]);
  for (const path of [...files].sort().filter((each) => existsSync(join(context, each)))) {
    const [kind, content] = describeFile(join(context, path), allModes);
    hash.update(JSON.stringify([kind, path, content.length])).update(content);
  }
  return hash.digest("hex").slice(0, 12);
}
