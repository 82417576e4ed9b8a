/** Reads YAML as Pulumi and kubectl do. Small, because the shell scripts of `local/` wait for it. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { OperatorError } from "./errors.ts";

export type Values = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Contents of a file, such as those that Pulumi keeps settings in.
 *
 * @throws OperatorError when it is not YAML
 */
export function readYaml(file: string): Values & { readonly config?: Values } {
  try {
    const content = parse(readFileSync(file, "utf8"), { merge: true }) as unknown;
    return isObject(content) ? content : {};
  } catch (error) {
    throw new OperatorError(
      `${file} is not YAML: ${(error as Error).message.split("\n")[0]}`,
      "mend that line; pulumi config set writes values that need no care for YAML",
    );
  }
}
