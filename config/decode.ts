/**
 * Decodes the strings as which Pulumi stores configuration. The program and `ops/` both decode with this function, so
 * that they read a stage file alike.
 */
import type { z } from "zod";
import { stageSchema } from "./schema.ts";

/**
 * The project's name, which prefixes each of its configuration keys. The constant is not called PROJECT: in every file that
 * it copies, `pulumi new` replaces that word in a template literal.
 */
export const PROJECT_NAME = "todo-app";

/** The keys whose values are stored as JSON: their schemas refuse the type of a string. */
const JSON_KEYS: ReadonlySet<string> = new Set(
  Object.entries<z.ZodType>(stageSchema.shape)
    .filter(([, schema]) => schema.safeParse("").error?.issues.at(0)?.code === "invalid_type")
    .map(([name]) => name),
);

/**
 * Turns the strings that Pulumi stores into values. Objects and scalars other than strings are stored as JSON. A value
 * that should be JSON and is not stays a string, and the schema then reports it.
 */
export function decode(raw: Readonly<Record<string, string>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(raw)) {
    if (!key.startsWith(`${PROJECT_NAME}:`)) continue;
    const name = key.slice(PROJECT_NAME.length + 1);
    try {
      values[name] = JSON_KEYS.has(name) ? JSON.parse(value) : value;
    } catch {
      values[name] = value;
    }
  }
  return values;
}
