/** Reads YAML as Pulumi and kubectl do. Kept small: the shell scripts of `local/` start it often, and wait for it. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { OperatorError } from "./errors.ts";

export type Values = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The keys of a stage file that say how its secrets are encrypted. */
export const ENCRYPTION_KEYS = ["secretsprovider", "encryptedkey", "encryptionsalt"];

/** The keys of a YAML text; none where it is not an object. @throws Error when it is not YAML */
export function parseYaml(text: string): Values & { readonly config?: Values } {
  const content = parse(text, { merge: true }) as unknown;
  return isObject(content) ? content : {};
}

/**
 * Reads a YAML file, such as a stage file.
 *
 * @throws OperatorError when it is not YAML
 */
export function readYaml(file: string): Values & { readonly config?: Values } {
  try {
    return parseYaml(readFileSync(file, "utf8"));
  } catch (error) {
    throw new OperatorError(
      `${file} is not YAML: ${(error as Error).message.split("\n")[0]}`,
      "correct that line; pulumi config set quotes values as YAML needs it",
    );
  }
}
