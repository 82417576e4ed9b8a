import { readFileSync } from "node:fs";

type Variables = Readonly<Record<string, string>>;

interface Found {
  readonly values: Variables;
  /** A sentence for each variable whose file gives no value; never holds any content. */
  readonly problems: Variables;
}

/**
 * As in the official images: X_FILE names a file that holds the value of X, and a newline at its
 * end is none of it. An empty file is like an empty variable: left out.
 */
export function readSecretFiles(names: readonly string[], given: Variables): Found {
  const values: Record<string, string> = {};
  const problems: Record<string, string> = {};
  for (const name of names) {
    const path = given[`${name}_FILE`];
    if (path === undefined) continue;
    if (given[name] !== undefined) {
      problems[name] = `${name}, ${name}_FILE: both are set; keep one of them`;
      continue;
    }
    try {
      const value = readText(path).replace(/\r?\n$/, "");
      if (value !== "") values[name] = value;
    } catch (error) {
      problems[name] = `${name}_FILE: ${path} can't be read: ${reason(error)}`;
    }
  }
  return { values, problems };
}

const readText = (path: string): string =>
  new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));

/** Why a file can't be read, as the system calls it: a code like ENOENT. */
export const reason = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? "unknown";
