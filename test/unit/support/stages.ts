/** The committed stage files, as the engine hands them to the program. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";

export const STAGES = ["dev", "staging", "production"] as const;

const read = (file: string) =>
  parse(readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8"));
/** A value as Pulumi stores it: objects and scalars other than strings are JSON. */
export const encode = (value: unknown) =>
  typeof value === "string" ? value : JSON.stringify(value);

/** Keys declared in Pulumi.yaml: type, description, default. */
export const declared: Readonly<
  Record<string, { type: string; description: string; default: unknown }>
> = read("Pulumi.yaml").config;

/** What an operator has to add to a stage file by `pulumi config set --secret`. */
export const GIVEN_SECRETS: Readonly<Record<string, string>> = {
  "todo-app:databaseUrl": "postgresql://todo:confidential@db.example.com:6432/todo?sslmode=require",
  "todo-app:openaiApiKey": "sk-confidential",
};

/** Configuration of a stage: the defaults of Pulumi.yaml, the stage file, and secrets where the stage needs them. */
export function stageConfig(stage: string): Record<string, string> {
  const config: Record<string, string> = {};
  for (const [key, { default: value }] of Object.entries(declared))
    config[`todo-app:${key}`] = encode(value);
  const file: Record<string, unknown> = read(`Pulumi.${stage}.yaml`).config;
  for (const [key, value] of Object.entries(file)) config[key] = encode(value);
  return stage === "dev" ? config : { ...config, ...GIVEN_SECRETS };
}

/** The configuration of a stage with some keys set to other values. */
export function withKeys(stage: string, changes: Readonly<Record<string, unknown>>) {
  const config = stageConfig(stage);
  for (const [key, value] of Object.entries(changes)) config[`todo-app:${key}`] = encode(value);
  return config;
}

/** The configuration of a stage with one key set to another value. */
export const withKey = (stage: string, key: string, value: unknown) =>
  withKeys(stage, { [key]: value });
