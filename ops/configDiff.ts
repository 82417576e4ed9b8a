/**
 * `make config-diff`: what two stages have different, side by side, whether it is written in their files or a default.
 *
 * Usage: node ops/configDiff.ts <stage> <stage>
 */
import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import { SECRET_KEYS, stageSchema } from "../config/schema.ts";
import { OperatorError, main } from "./command.ts";
import { decoded, isEncrypted, stageFile, stageOf, stageValues } from "./stage.ts";
import { isObject } from "./yaml.ts";

const PREFIX = "todo-app:";
const NOT_SET = "(not set)";
/** Of a value that is longer, such as a certificate, the beginning has to do. */
const WIDEST = 60;

interface Setting {
  readonly text: string;
  /** Not written in the stage file. */
  readonly isDefault?: boolean;
}

/** "todo-app:host" → "host" */
const nameOf = (key: string) => key.slice(PREFIX.length);

/** `{ a: { b: 1 } }` → `["a.b", 1]` */
function leaves(key: string, value: unknown): [string, unknown][] {
  if (value === undefined) return [];
  if (!isObject(value)) return [[key, value]];
  return Object.entries(value).flatMap(([name, inner]) => leaves(`${key}.${name}`, inner));
}

function effective(stage: string, key: string, schema: z.ZodType, value: unknown): unknown {
  const { data, error } = schema.safeParse(value);
  if (!error) return data;
  const { path, message } = error.issues[0]!;
  throw new OperatorError(
    `${PREFIX}${[key, ...path].join(".")} of ${stage} is not right; allowed: ${message}`,
    `make preview STAGE=${stage} shows everything that is wrong, each with the command that mends it`,
  );
}

function rejectUnknownKeys(stage: string, keys: readonly string[]): void {
  const known = Object.keys(stageSchema.shape);
  const unknown = keys.find((key) => key.startsWith(PREFIX) && !known.includes(nameOf(key)));
  if (unknown)
    throw new OperatorError(
      `${unknown} of ${stage} is no setting; there are ${known.join(", ")}`,
      `pulumi config rm --stack ${stage} '${unknown}'`,
    );
}

/** Of a key that no schema describes, such as Pulumi's own. */
function textOf(value: unknown): string {
  if (isEncrypted(value)) return "[secret]";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Pulumi.yaml gives every key a value: one that its file does not have, and that means no more than none, is not set. */
const isLeftOut = (schema: z.ZodType, value: unknown) =>
  isDeepStrictEqual(schema.safeParse(value).data, schema.safeParse(undefined).data);

/** Every setting of a stage by its dotted key, what its file leaves out included. */
async function settings(stage: string): Promise<Map<string, Setting>> {
  const inFile = stageFile(stage);
  const values = await stageValues(stageOf(stage), { showSecrets: false });
  rejectUnknownKeys(stage, Object.keys(values));
  const all = new Map<string, Setting>();
  const plain = decoded(values);
  for (const [key, schema] of Object.entries<z.ZodType>(stageSchema.shape)) {
    // Two encrypted values can't be compared: the same text never looks the same.
    if ((SECRET_KEYS as readonly string[]).includes(key) || isEncrypted(values[PREFIX + key])) {
      all.set(key, { text: values[PREFIX + key] ? "[secret]" : NOT_SET });
      continue;
    }
    const set = PREFIX + key in inFile || !isLeftOut(schema, plain[key]) ? plain[key] : undefined;
    const written = new Set(leaves(key, set).map(([path]) => path));
    for (const [path, value] of leaves(key, effective(stage, key, schema, set)))
      all.set(path, {
        text: typeof value === "string" && value ? value : JSON.stringify(value),
        isDefault: !written.has(path),
      });
  }
  for (const [key, value] of Object.entries(values))
    if (!key.startsWith(PREFIX)) all.set(key, { text: textOf(value) });
  return all;
}

function cell({ text, isDefault }: Setting): string {
  const line = text.split("\n")[0]!.slice(0, WIDEST);
  return `${line}${line === text ? "" : "…"}${isDefault ? " (default)" : ""}`;
}

function table(rows: readonly (readonly [string, string, string])[]): string {
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  const [first, second] = [width(0), width(1)];
  return rows.map(([key, a, b]) => `  ${key.padEnd(first)}  ${a.padEnd(second)}  ${b}\n`).join("");
}

async function configDiff(a: string, b: string): Promise<string> {
  const [left, right] = [await settings(a), await settings(b)];
  const topLevel = Object.keys(stageSchema.shape);
  const position = (key: string) => topLevel.indexOf(key.split(".")[0]!);
  const missing: Setting = { text: NOT_SET };
  const rows = [...new Set([...left.keys(), ...right.keys()])]
    .sort((one, other) => position(one) - position(other))
    .map((key) => ({ key, ours: left.get(key) ?? missing, theirs: right.get(key) ?? missing }))
    .filter(({ ours, theirs }) => ours.text !== theirs.text)
    .map(({ key, ours, theirs }) => [key, cell(ours), cell(theirs)] as const);
  if (!rows.length) return `${a} and ${b} have the same settings\n`;
  const count = rows.length === 1 ? "1 setting differs" : `${rows.length} settings differ`;
  return `${table([["", a, b], ...rows])}\n${count} between ${a} and ${b}\n`;
}

await main(async () => {
  const [a, b] = process.argv.slice(2);
  if (!a || !b)
    throw new OperatorError(
      "two stages are needed to compare",
      "make config-diff A=staging B=production",
    );
  process.stdout.write(await configDiff(a, b));
});
