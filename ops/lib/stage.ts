/** Stages and the files that configure them. */
import { existsSync, readdirSync } from "node:fs";
import { checkValues } from "../../config/check.ts";
import { PROJECT_NAME, decode } from "../../config/decode.ts";
import { namespaceOf } from "../../config/rules.ts";
import type { SECRET_KEYS, Stage as Configuration } from "../../config/schema.ts";
import { OperatorError } from "./errors.ts";
import { run } from "./run.ts";
import { isObject, readYaml, type Values } from "./yaml.ts";

/** A stage to operate on. */
export interface Stage {
  /** The name of its stack, which may begin with an organisation: `acme/todo-app/dev`. */
  readonly name: string;
  /** The file that configures it. */
  readonly file: string;
}

/** The name that the program sees, without organisation and project. */
export const shortName = (stage: string) => stage.split("/").at(-1)!;

const fileOf = (stage: string) => `Pulumi.${shortName(stage)}.yaml`;

/** The stage of that name. */
export const stageOf = (name: string, file = fileOf(name)): Stage => ({ name, file });

/** The arguments of a command that works on a stage. */
export const STAGE_ARGUMENTS = ["[<stage>]", "[<stage file>]"] as const;

/** The stage that these arguments name. */
export const stageArgument = ([name = "dev", file]: readonly string[]): Stage =>
  stageOf(name, file);

/** The stages that have a file, such as ["dev", "production", "staging"]. */
function stages(): string[] {
  return readdirSync(".").flatMap((file) => /^Pulumi\.([^.]+)\.yaml$/.exec(file)?.[1] ?? []);
}

/** The values of a stage file, as written. */
export function stageFile(stage: string, file = fileOf(stage)): Values {
  if (!existsSync(file))
    throw new OperatorError(
      `there is no stage "${stage}": ${file} does not exist`,
      `use one of ${stages().join(", ")}, as in "make up STAGE=dev", or copy a stage file to ${file}`,
    );
  return readYaml(file).config ?? {};
}

/** Whether a value is encrypted, as `pulumi config set --secret` writes it. An object with an encrypted value counts as a whole. */
export function isEncrypted(value: unknown): boolean {
  return isObject(value) && ("secure" in value || Object.values(value).some(isEncrypted));
}

/** `{ a: { b: 1 } }` → `["a.b", 1]` */
export function leaves(key: string, value: unknown): [string, unknown][] {
  if (value === undefined) return [];
  if (!isObject(value)) return [[key, value]];
  return Object.entries(value).flatMap(([name, inner]) => leaves(`${key}.${name}`, inner));
}

/** Settings in the form that Pulumi stores: a value that is not a string is stored as JSON. */
const asStored = (values: Values): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );

/** The values of the project's keys, without their prefix, each with the type of its key. */
export const decoded = (values: Values) => decode(asStored(values));

/** Values that stand in for secrets that are encrypted in the stage file, so that the rules can be checked. */
const STAND_INS: Readonly<Record<(typeof SECRET_KEYS)[number], string>> = {
  registryPassword: "secret",
  backupS3AccessKeyId: "secret",
  backupS3SecretAccessKey: "secret",
  databaseUrl: "postgresql://user:secret@host/database?sslmode=verify-full",
  openaiApiKey: "secret",
};

/** The secrets whose values are not known: they are encrypted in the stage file. */
export const unknownSecrets = (values: Values): readonly string[] =>
  Object.keys(STAND_INS).filter((name) => isEncrypted(values[`${PROJECT_NAME}:${name}`]));

/** The settings of a stage as the engine passes them to the program, with stand-ins for secrets whose values are not known. */
export function passedToProgram(values: Values): Readonly<Record<string, string>> {
  const secrets = unknownSecrets(values).map(
    (name) => [`${PROJECT_NAME}:${name}`, STAND_INS[name as keyof typeof STAND_INS]] as const,
  );
  return asStored({ ...values, ...Object.fromEntries(secrets) });
}

/** A stage's configuration with its defaults; undefined where the program would reject it and say why. */
export function effectiveConfig(stage: string, values: Values): Configuration | undefined {
  const config = decode(passedToProgram(values));
  const { stage: configuration, problems } = checkValues(shortName(stage), config);
  return problems.length ? undefined : configuration;
}

/** A setting as the engine prints it. A secret has no value, unless secrets were asked for. */
interface EngineValue {
  readonly value?: string;
}

/**
 * The values of a stage as the engine resolves them, with environments, anchors and secrets inside objects. Where the engine
 * can't, because there is no stack yet or its passphrase is missing, the values are those of the file.
 *
 * `getAllConfig` of the Automation API can't be used: it takes no `--config-file`, and reads the file in the project's folder.
 *
 * @param options.showSecrets whether secrets are decrypted; otherwise each is `{ secure }`, as in the file @default true
 */
export async function stageValues(
  { name, file }: Stage,
  { showSecrets = true }: { readonly showSecrets?: boolean } = {},
): Promise<Values> {
  const written = stageFile(name, file);
  const command = ["config", "--json", "--stack", name, "--config-file", file] as const;
  const { code, stdout } = await run([
    "pulumi",
    ...command,
    ...(showSecrets ? ["--show-secrets"] : []),
  ]);
  if (code !== 0) return written;
  const resolved = JSON.parse(stdout) as Readonly<Record<string, EngineValue>>;
  return Object.fromEntries(
    Object.entries(resolved).map(([key, { value }]) => [key, value ?? { secure: "" }]),
  );
}

/** Where a stage is deployed, and how carefully. */
export interface Settings {
  /** Empty where it is not set, or is not text. */
  readonly context: string;
  readonly namespace: string;
  readonly protected: boolean;
  /** Whether a release that can't work is taken back by itself. */
  readonly automaticRollback: boolean;
}

/**
 * The settings of a stage for commands that do not run its program.
 *
 * @throws OperatorError where it names no context: kubectl would use the current one, which may be any cluster
 */
export async function settingsOf(stage: Stage): Promise<Settings> {
  const settings = settingsIn(stage.name, await stageValues(stage));
  if (settings.context) return settings;
  throw noContext(stage.name);
}

/** The error for a stage that names no context. */
export const noContext = (stage: string) =>
  new OperatorError(
    `${PROJECT_NAME}:kubernetesContext of ${stage} is missing`,
    `pulumi config set --stack ${stage} ${PROJECT_NAME}:kubernetesContext <context>`,
  );

export function settingsIn(stage: string, values: Values): Settings {
  const { kubernetesContext, namespace, protectResources, automaticRollback } = decoded(values);
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  return {
    context: text(kubernetesContext),
    namespace: namespaceOf(shortName(stage), { namespace: text(namespace) }),
    protected: protectResources === true,
    automaticRollback: automaticRollback === true,
  };
}
