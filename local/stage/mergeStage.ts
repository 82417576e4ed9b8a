/**
 * Writes the stage file that a stage uses on the local cluster, and prints its path. It is the stage's own file, merged with
 * local/overrides.<stage>.yaml. Secrets of this machine take the place of the secrets of the real services.
 *
 * Usage: node local/stage/mergeStage.ts <stage> <state directory>
 */
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { stringify } from "yaml";
import { OperatorError, main } from "../../ops/lib/errors.ts";
import { run } from "../../ops/lib/run.ts";
import { ENCRYPTION_KEYS, isObject, readYaml, type Values } from "../../ops/lib/yaml.ts";

const isSecret = (value: unknown): value is { readonly secure: string } =>
  isObject(value) && typeof value.secure === "string";
const select = (values: Values, keep: (key: string, value: unknown) => boolean): Values =>
  Object.fromEntries(Object.entries(values).filter(([key, value]) => keep(key, value)));

function merge(base: Values, over: Values): Values {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isObject(below) && isObject(value) ? merge(below, value) : value;
  }
  return merged;
}

const [stage = "", state = ""] = process.argv.slice(2);
const folder = join(state, "stages");
const target = join(folder, `Pulumi.${stage}.yaml`);

/** The file that a value `file:<name>` stands for; undefined for every other value. */
function sourceOf(value: unknown): string | undefined {
  const name = typeof value === "string" ? /^file:(.+)/.exec(value)?.[1] : undefined;
  if (name && !existsSync(join(state, name)))
    throw new OperatorError(
      `${join(state, name)} does not exist, which stage ${stage} needs on the local cluster`,
      `make cluster STAGE=${stage}`,
    );
  return name && join(state, name);
}

/** Replaces every `file:<name>`, at any depth, with the contents of that file. */
function resolve(value: unknown): unknown {
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolve(inner)]));
  const source = sourceOf(value);
  return source ? readFileSync(source, "utf8") : value;
}

/** Whether the source of an encrypted value has not changed since it was encrypted. */
function isCurrent(value: string): boolean {
  const source = sourceOf(value);
  return !source || statSync(source).mtimeMs <= statSync(target).mtimeMs;
}

const pulumi = (args: readonly string[], input = "") => run(["pulumi", ...args], input);

/** Encrypts a value into the stage file. The stack is created if the backend does not have it yet, because its key is needed. */
async function setSecret(key: string, value: string): Promise<void> {
  const args = ["config", "set", "--stack", stage, "--config-file", target, "--secret", key];
  let result = await pulumi(args, value);
  if (/no stack named/.test(result.output)) {
    result = await pulumi(["--cwd", folder, "stack", "init", stage]);
    if (result.code === 0) result = await pulumi(args, value);
  }
  if (result.code !== 0)
    throw new OperatorError(
      `${key} of ${stage} could not be encrypted: ${result.output.trim()}`,
      `after a change of the passphrase or the login: rm ${target}, then the same command again`,
    );
}

/** The values that the overrides have under `secure`, by key. */
type Secrets = readonly (readonly [key: string, value: string])[];

/** Writes the file without the secrets that are still to be encrypted. A file that is right already is not written. */
function writeStageFile(overrides: Values, secrets: Secrets): void {
  const own = readYaml(`Pulumi.${stage}.yaml`);
  const before = existsSync(target) ? readYaml(target) : {};
  const isPlain = (_: string, value: unknown) => !isSecret(value);
  const encrypted = select(before.config ?? {}, (key, value) =>
    secrets.some(([name, source]) => name === key && isSecret(value) && isCurrent(source)),
  );
  const plain = resolve(merge(select(own.config ?? {}, isPlain), select(overrides, isPlain)));
  const content = {
    ...select(own, (key) => !ENCRYPTION_KEYS.includes(key)),
    config: { ...(plain as Values), ...encrypted },
    ...select(before, (key) => ENCRYPTION_KEYS.includes(key)),
  };
  if (isDeepStrictEqual(content, before)) return;
  writeFileSync(`${target}.new`, stringify(content), { mode: 0o600 });
  renameSync(`${target}.new`, target);
}

await main(async () => {
  const overrides = readYaml(`local/overrides.${stage}.yaml`).config ?? {};
  const secrets = Object.entries(overrides).flatMap(([key, value]) =>
    isSecret(value) ? [[key, value.secure] as const] : [],
  );
  writeStageFile(overrides, secrets);
  const written = readYaml(target).config ?? {};
  for (const [key, value] of secrets)
    if (!written[key]) await setSecret(key, String(resolve(value)).trim());
  process.stdout.write(`${target}\n`);
});
