import { readFileSync } from "node:fs";

type Variables = Readonly<Record<string, string>>;

interface Found {
  readonly values: Variables;
  /** One sentence for each variable whose file has no usable value; never quotes the content. */
  readonly problems: Variables;
}

/**
 * Reads secrets from files: X_FILE names the file with the value of X, as in the official Docker
 * images. One newline at the end is not part of the value. An empty file counts as not set, like an
 * empty variable.
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

/** Why a file can't be read: the system's error code, like ENOENT. */
export const reason = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? "unknown";
