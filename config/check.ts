/** Checks a configuration as a whole and reports every problem at once, each with the command that fixes it. */
import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import { PROJECT_NAME, decode } from "./decode.ts";
import { crossFieldProblems, type Problem } from "./rules.ts";
import { SECRET_KEYS, stageSchema, type Stage } from "./schema.ts";
import { PEM_KEYS } from "./values.ts";

/**
 * Whether the value of a key, such as `todo-app:databaseUrl`, is stored encrypted. An object counts as encrypted if any
 * part of it is.
 */
export type IsEncrypted = (key: string) => boolean;

const isSecretKey = (key: string) => (SECRET_KEYS as readonly string[]).includes(key);

/** The default: exactly the keys that hold secrets are stored encrypted, as operators are asked to do. */
export const asIntended: IsEncrypted = (key) => isSecretKey(key.slice(PROJECT_NAME.length + 1));

function valueAt(values: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    values,
  );
}

/** The key as `pulumi config set --path` spells it, such as `todo-app:images.cacheFrom[0]`. */
function dottedKey([key, ...inner]: readonly PropertyKey[]): string {
  const parts = inner.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`));
  return `${PROJECT_NAME}:${String(key)}${parts.join("")}`;
}

/** Longest value that an error shows in full; somebody may have set a key to the content of a whole file. */
const LONGEST_SHOWN = 200;

function shownValue(value: unknown, secret: boolean, isUnknown: boolean): string {
  if (isUnknown) return "unknown"; // not shown: it may be a secret whose key is misspelt
  if (value === undefined || value === "") return "missing";
  const text = JSON.stringify(value);
  if (secret || text.includes("PRIVATE KEY")) return "[secret]";
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/**
 * What follows the key in `pulumi config set`. For a secret, nothing: the command then asks for it, which keeps it out
 * of the shell's history.
 */
function givenValue(key: PropertyKey, secret: boolean): string {
  // A certificate is read from a file: it begins with dashes, which the command line would take for an option.
  if (PEM_KEYS.includes(String(key))) return " < file.pem";
  return secret ? "" : " <value>";
}

function describe(
  stack: string,
  values: Record<string, unknown>,
  problem: Problem,
  isEncrypted: IsEncrypted,
): string {
  const [key, ...inner] = problem.path.map(String);
  const dotted = dottedKey(problem.path);
  const secret = isSecretKey(key!) || isEncrypted(`${PROJECT_NAME}:${key}`);
  const shown = shownValue(valueAt(values, problem.path), secret, problem.remove === "unknown");
  const flags = `--stack ${stack}${inner.length ? " --path" : ""}`;
  const given = givenValue(problem.path.at(-1)!, secret);
  const fix = problem.remove
    ? `pulumi config rm ${flags} '${dotted}'`
    : `pulumi config set ${flags}${secret ? " --secret" : ""} '${dotted}'${given}`;
  return `  ${dotted} is ${shown}; allowed: ${problem.message}\n    fix: ${fix}`;
}

/** Problems of secrets that are stored in clear in the stage file. */
function secretsInClear(
  values: Readonly<Record<string, unknown>>,
  isEncrypted: IsEncrypted,
): Problem[] {
  const message = "an encrypted value; this one can be read in the stage file";
  return SECRET_KEYS.filter((key) => values[key] && !isEncrypted(`${PROJECT_NAME}:${key}`)).map(
    (key) => ({ path: [key], message }),
  );
}

const unknownKeys = ({ keys, path, message }: z.core.$ZodIssueUnrecognizedKeys): Problem[] =>
  keys.map((key) => ({ path: [...path, key], message, remove: "unknown" }));

/**
 * Checks values that `decode` returned: first each key by itself, then, if all are valid, the rules between keys.
 * `stage` is there if each key by itself is valid.
 */
export function checkValues(
  stack: string,
  values: Readonly<Record<string, unknown>>,
): { readonly stage?: Stage; readonly problems: readonly Problem[] } {
  const { data, error } = stageSchema.safeParse(values);
  if (data) return { stage: data, problems: crossFieldProblems(stack, data) };
  const problems = error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" ? unknownKeys(issue) : [issue],
  );
  return { problems };
}

/**
 * Decodes and checks the configuration of a stack.
 *
 * @throws pulumi.RunError that lists every problem: the key, its value, what is allowed and the command that fixes it
 */
export function checkedStage(
  stack: string,
  raw: Readonly<Record<string, string>>,
  isEncrypted: IsEncrypted,
): Stage {
  const values = decode(raw);
  const { stage, problems: found } = checkValues(stack, values);
  const problems = [...secretsInClear(values, isEncrypted), ...found];
  if (stage && !problems.length) return stage;
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const lines = problems.map((problem) => describe(stack, values, problem, isEncrypted));
  throw new pulumi.RunError(
    `the configuration of stack ${stack} has ${count}:\n${lines.join("\n")}`,
  );
}
