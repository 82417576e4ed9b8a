/**
 * Decodes the strings as which Pulumi stores configuration. The program and `ops/` both decode with this function, so
 * that they read a stage file alike.
 */
import type { z } from "zod";
import { stageSchema } from "./schema.ts";

/** The project's name, which prefixes each of its configuration keys. */
export const PROJECT = "todo-app";

/**
 * Turns the strings that Pulumi stores into values. Objects and scalars other than strings are stored as JSON. A value
 * that should be JSON and is not stays a string, and the schema then reports it.
 */
export function decode(raw: Readonly<Record<string, string>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(raw)) {
    if (!key.startsWith(`${PROJECT}:`)) continue;
    const name = key.slice(PROJECT.length + 1);
    const schema = (stageSchema.shape as Record<string, z.ZodType | undefined>)[name];
    // A schema that refuses the type of a string describes values that are stored as JSON.
    const isText = schema?.safeParse("").error?.issues.at(0)?.code !== "invalid_type";
    try {
      values[name] = isText ? value : JSON.parse(value);
    } catch {
      values[name] = value;
    }
  }
  return values;
}
