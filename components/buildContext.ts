/** What a build of an image depends on, as a short hash. */
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
  // Whatever is below a folder that matches, matches too.
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

/** The last pattern that matches decides. */
const isIgnored = (path: string, patterns: readonly Pattern[]) =>
  patterns.findLast(({ expression }) => expression.test(path))?.isException === false;

/** Whether an exception may lie below an ignored folder. */
const mayHoldExceptions = (folder: string, patterns: readonly Pattern[]) =>
  patterns.some(
    ({ isException, text }) =>
      isException && (text.startsWith(`${folder}/`) || text.startsWith("*")),
  );

/** The files that Docker is sent, relative to the context, in an order of their own. */
function contextFiles(context: string): string[] {
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

/** Kind and contents of a file; of its mode only what a checkout keeps. */
function describeFile(file: string): readonly [string, Buffer | string] {
  const { mode } = lstatSync(file);
  const isLink = (mode & 0o170000) === 0o120000;
  if (isLink) return ["link", readlinkSync(file)];
  return [mode & 0o100 ? "executable" : "file", readFileSync(file)];
}

/**
 * Twelve hex digits that change with the files which a build of `context` is sent, with its Dockerfile and with `settings`;
 * times, owners and the place of the checkout do not count.
 */
export function contentHash(context: string, settings: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(settings));
  // Docker reads these two even where they are ignored.
  const files = new Set(["Dockerfile", ".dockerignore", ...contextFiles(context)]);
  for (const path of [...files].sort().filter((each) => existsSync(join(context, each)))) {
    const [kind, content] = describeFile(join(context, path));
    hash.update(JSON.stringify([kind, path, content.length])).update(content);
  }
  return hash.digest("hex").slice(0, 12);
}
