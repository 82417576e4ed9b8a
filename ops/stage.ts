/** Stages and the files that configure them. */
import { existsSync, readdirSync } from "node:fs";
import type { z } from "zod";
import { crossFieldProblems, namespaceOf } from "../configRules.ts";
import { SECRET_KEYS, stageSchema, type Stage as Configuration } from "../configSchema.ts";
import { OperatorError, run } from "./command.ts";
import { isObject, readYaml, type Values } from "./yaml.ts";

const PROJECT = "todo-app";

/** A stage to operate on. */
export interface Stage {
  /** Its stack's name. */
  readonly name: string;
  /** Where its configuration stands. */
  readonly file: string;
}

const fileOf = (stage: string) => `Pulumi.${stage}.yaml`;

/** The stage that `node ops/<command>.ts [<stage> [<stage file>]]` names. */
export function stageArgument([, , name = "dev", file = fileOf(name)] = process.argv): Stage {
  return { name, file };
}

/** The stages that have a file, such as ["dev", "production", "staging"]. */
function stages(): string[] {
  return readdirSync(".").flatMap((file) => /^Pulumi\.([^.]+)\.yaml$/.exec(file)?.[1] ?? []);
}

/** Values of a stage file, as written. */
export function stageFile(stage: string, file = fileOf(stage)): Values {
  if (!existsSync(file))
    throw new OperatorError(
      `there is no stage "${stage}": ${file} does not exist`,
      `use one of ${stages().join(", ")}, as in "make up STAGE=dev", or copy a stage file to ${file}`,
    );
  return readYaml(file).config ?? {};
}

/** `pulumi config set` writes every value as a string; the engine hands it on as what the key's type says. */
export function typed(schema: z.ZodType | undefined, written: unknown): unknown {
  if (typeof written !== "string" || schema?.safeParse(written).success) return written;
  try {
    return JSON.parse(written);
  } catch {
    return written;
  }
}

/** In place of secrets that are encrypted in the stage file. */
const STAND_INS: Readonly<Record<(typeof SECRET_KEYS)[number], string>> = {
  registryPassword: "secret",
  databaseUrl: "postgresql://user:secret@host/database?sslmode=verify-full",
  openaiApiKey: "secret",
};

/** What a stage file means, defaults included; undefined where the program would reject it, and say why. */
export function effectiveConfig(stage: string, values: Values): Configuration | undefined {
  const config: Record<string, unknown> = {};
  for (const [key, written] of Object.entries(values)) {
    if (!key.startsWith(`${PROJECT}:`)) continue;
    const name = key.slice(PROJECT.length + 1);
    const schema = (stageSchema.shape as Record<string, z.ZodType | undefined>)[name];
    const standIn = isObject(written) && (STAND_INS as Record<string, string | undefined>)[name];
    config[name] = standIn || typed(schema, written);
  }
  const { data } = stageSchema.safeParse(config);
  return data && !crossFieldProblems(stage, data).length ? data : undefined;
}

/** What the engine prints of one key: objects are JSON, and also there as such. */
interface EngineValue {
  readonly value?: string;
  readonly objectValue?: unknown;
}

/**
 * The values of a stage as the engine resolves them: environments, anchors and secrets inside objects included. Those of the
 * file as written where the engine can't: there is no stack yet, or its passphrase is missing.
 */
export async function stageValues({ name, file }: Stage): Promise<Values> {
  const written = stageFile(name, file);
  const config = ["config", "--json", "--show-secrets", "--stack", name, "--config-file", file];
  const { code, stdout } = await run(["pulumi", ...config]);
  if (code !== 0) return written;
  const resolved = JSON.parse(stdout) as Readonly<Record<string, EngineValue>>;
  return Object.fromEntries(
    Object.entries(resolved).map(([key, { value, objectValue }]) => [key, objectValue ?? value]),
  );
}

/** Where a stage is deployed, and whether it holds what must not be lost. */
export interface Settings {
  readonly context: string;
  readonly namespace: string;
  readonly protected: boolean;
}

export async function settingsOf(stage: Stage): Promise<Settings> {
  return settingsIn(stage.name, await stageValues(stage));
}

export function settingsIn(stage: string, values: Values): Settings {
  const context = values[`${PROJECT}:kubernetesContext`];
  const namespace = values[`${PROJECT}:namespace`];
  return {
    context: typeof context === "string" ? context : "",
    namespace: namespaceOf(stage, { namespace: typeof namespace === "string" ? namespace : "" }),
    protected: String(values[`${PROJECT}:protectResources`]) === "true",
  };
}
