/** `make config-diff`: the settings that differ between two stages, side by side, whether a file has them or they are defaults. */
import { isDeepStrictEqual } from "node:util";
import type { z } from "zod";
import { SECRET_KEYS, stageSchema } from "../config/schema.ts";
import { command } from "./lib/command.ts";
import { OperatorError } from "./lib/errors.ts";
import { printJson } from "./lib/output.ts";
import { decoded, isEncrypted, leaves, stageFile, stageOf, stageValues } from "./lib/stage.ts";

const PREFIX = "todo-app:";
/** The table shows only the beginning of a longer value, such as a certificate. */
const WIDEST = 60;

/** A setting of one stage: as text for the table, and as the value that JSON shows. */
interface Setting {
  readonly text: string;
  /** Null: not set. */
  readonly json: { readonly value: unknown; readonly default: boolean } | { secret: true } | null;
}

const NOT_SET: Setting = { text: "(not set)", json: null };
const SECRET: Setting = { text: "[secret]", json: { secret: true } };

function settingOf(value: unknown, isDefault = false): Setting {
  const text = typeof value === "string" && value ? value : JSON.stringify(value);
  return { text, json: { value, default: isDefault } };
}

/** "todo-app:host" → "host" */
const nameOf = (key: string) => key.slice(PREFIX.length);

function effective(stage: string, key: string, schema: z.ZodType, value: unknown): unknown {
  const { data, error } = schema.safeParse(value);
  if (!error) return data;
  const { path, message } = error.issues[0]!;
  throw new OperatorError(
    `${PREFIX}${[key, ...path].join(".")} of ${stage} is wrong; allowed: ${message}`,
    `make preview STAGE=${stage} shows everything that is wrong, each with the command that fixes it`,
  );
}

function rejectUnknownKeys(stage: string, keys: readonly string[]): void {
  const known = Object.keys(stageSchema.shape);
  const unknown = keys.find((key) => key.startsWith(PREFIX) && !known.includes(nameOf(key)));
  if (unknown)
    throw new OperatorError(
      `${unknown} of ${stage} is not a setting; the settings are ${known.join(", ")}`,
      `pulumi config rm --stack ${stage} '${unknown}'`,
    );
}

/** Whether a value means the same as none. Pulumi.yaml gives every key a value, also those that the stage file leaves out. */
const isLeftOut = (schema: z.ZodType, value: unknown) =>
  isDeepStrictEqual(schema.safeParse(value).data, schema.safeParse(undefined).data);

/** Every setting of a stage by its dotted key, also those that its file leaves out. */
async function settings(stage: string): Promise<Map<string, Setting>> {
  const inFile = stageFile(stage);
  const values = await stageValues(stageOf(stage), { showSecrets: false });
  rejectUnknownKeys(stage, Object.keys(values));
  const all = new Map<string, Setting>();
  const plain = decoded(values);
  for (const [key, schema] of Object.entries<z.ZodType>(stageSchema.shape)) {
    // Encrypted values can't be compared: the same text is encrypted differently each time.
    if ((SECRET_KEYS as readonly string[]).includes(key) || isEncrypted(values[PREFIX + key])) {
      all.set(key, values[PREFIX + key] ? SECRET : NOT_SET);
      continue;
    }
    const set = PREFIX + key in inFile || !isLeftOut(schema, plain[key]) ? plain[key] : undefined;
    const written = new Set(leaves(key, set).map(([path]) => path));
    for (const [path, value] of leaves(key, effective(stage, key, schema, set)))
      all.set(path, settingOf(value, !written.has(path)));
  }
  for (const [key, value] of Object.entries(values))
    // No schema describes these keys, such as Pulumi's own.
    if (!key.startsWith(PREFIX)) all.set(key, isEncrypted(value) ? SECRET : settingOf(value));
  return all;
}

function cell({ text, json }: Setting): string {
  const line = text.split("\n")[0]!.slice(0, WIDEST);
  const isDefault = json && "default" in json && json.default;
  return `${line}${line === text ? "" : "…"}${isDefault ? " (default)" : ""}`;
}

function table(rows: readonly (readonly [string, string, string])[]): string {
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  const [first, second] = [width(0), width(1)];
  return rows.map(([key, a, b]) => `  ${key.padEnd(first)}  ${a.padEnd(second)}  ${b}\n`).join("");
}

interface Difference {
  readonly key: string;
  /** Of the first stage and of the second. */
  readonly settings: readonly [Setting, Setting];
}

async function differences(a: string, b: string): Promise<readonly Difference[]> {
  const [left, right] = [await settings(a), await settings(b)];
  const topLevel = Object.keys(stageSchema.shape);
  const position = (key: string) => topLevel.indexOf(key.split(".")[0]!);
  return [...new Set([...left.keys(), ...right.keys()])]
    .sort((one, other) => position(one) - position(other))
    .map((key) => ({
      key,
      settings: [left.get(key) ?? NOT_SET, right.get(key) ?? NOT_SET] as const,
    }))
    .filter(({ settings: [ours, theirs] }) => ours.text !== theirs.text);
}

/** The differences for people. */
function asTable(a: string, b: string, found: readonly Difference[]): string {
  if (!found.length) return `${a} and ${b} have the same settings\n`;
  const rows = found.map(({ key, settings: [x, y] }) => [key, cell(x), cell(y)] as const);
  const count = rows.length === 1 ? "1 setting differs" : `${rows.length} settings differ`;
  return `${table([["", a, b], ...rows])}\n${count} between ${a} and ${b}\n`;
}

/** The output of `config-diff --json`. Keys may be added; those that are here keep their meaning. */
const asJson = (a: string, b: string, found: readonly Difference[]) => ({
  stages: [a, b],
  differences: found.map((each) => ({
    key: each.key,
    settings: each.settings.map(({ json }) => json),
  })),
});

await command(
  {
    name: "config-diff",
    summary:
      "Shows the settings that differ between two stages, side by side. Defaults are included, the values of secrets are not.",
    usage: ["<stage>", "<stage>"],
    example: "make config-diff A=staging B=production",
    options: { json: "print the differences as JSON" },
  },
  async ({ args, options }) => {
    const [a, b] = args as [string, string];
    const found = await differences(a, b);
    if (options.json) printJson(asJson(a, b, found));
    else process.stdout.write(asTable(a, b, found));
  },
);
