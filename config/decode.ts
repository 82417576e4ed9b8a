/** What the strings mean that Pulumi keeps settings as: the one place that decides it, for the program and for `ops/`. */
import type { z } from "zod";
import { stageSchema } from "./schema.ts";

export const PROJECT = "todo-app";

/** Turns the strings that Pulumi stores into values: objects and scalars other than strings are JSON. */
export function decode(raw: Readonly<Record<string, string>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(raw)) {
    if (!key.startsWith(`${PROJECT}:`)) continue;
    const name = key.slice(PROJECT.length + 1);
    const schema = (stageSchema.shape as Record<string, z.ZodType | undefined>)[name];
    // A schema that objects to the type of a string is one for values that are stored as JSON.
    const isText = schema?.safeParse("").error?.issues.at(0)?.code !== "invalid_type";
    try {
      values[name] = isText ? value : JSON.parse(value);
    } catch {
      values[name] = value;
    }
  }
  return values;
}
