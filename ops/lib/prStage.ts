/** The stage of a pull request: small, with a database of its own, and made from the file of another stage. */
import { checkValues } from "../../config/check.ts";
import { PROJECT_NAME } from "../../config/decode.ts";
import { OperatorError } from "./errors.ts";
import { decoded } from "./stage.ts";
import { isObject, type Values } from "./yaml.ts";

/** What a pull request decides, and what its cluster does. */
export interface PullRequestStage {
  /** The stage, such as `pr-12`. */
  readonly name: string;
  /** Context of the cluster for pull requests. */
  readonly context: string;
  /** Domain below which each pull request has a host. */
  readonly domain: string;
}

/** Settings that a stage of a pull request never takes over: secrets of another stack, and what belongs to its services. */
const LEFT_OUT = [
  "backup",
  "backupS3AccessKeyId",
  "backupS3SecretAccessKey",
  "databaseUrl",
  "namespace",
  "openaiApiKey",
  "publicUrl",
  "quota",
  "registryPassword",
  "registryUsername",
  "secretVersions",
  "tracing",
];

/** Issuers that make a certificate for any host. The others read a Secret that the new namespace does not have. */
const ANY_HOST = ["letsencrypt-staging", "letsencrypt-production", "acme"];

const SMALL = { replicas: 1 };

const key = (name: string) => `${PROJECT_NAME}:${name}`;
const objectAt = (values: Values, name: string): Values => {
  const value = values[key(name)];
  return isObject(value) ? value : {};
};

/**
 * The settings of the stage of a pull request.
 *
 * @param base the settings of the stage from which images, route and certificates are taken
 * @throws OperatorError where they would be refused
 */
export function pullRequestStage(
  base: Values,
  { name, context, domain }: PullRequestStage,
): Values {
  const { registry, repository, platform, baseRegistry, cacheFrom, immutableTags } = objectAt(
    base,
    "images",
  );
  const images = { registry, repository, platform, baseRegistry, cacheFrom, immutableTags };
  const tls = objectAt(base, "tls");
  const left = LEFT_OUT.map(key);
  const settings: Values = {
    ...Object.fromEntries(Object.entries(base).filter(([each]) => !left.includes(each))),
    [key("kubernetesContext")]: context,
    [key("host")]: `${name}.${domain}`,
    [key("images")]: withoutUndefined(images),
    [key("backend")]: SMALL,
    [key("frontend")]: SMALL,
    [key("placement")]: "any",
    [key("database")]: { mode: "in-cluster" },
    [key("llm")]: { provider: "builtin" },
    [key("tls")]: ANY_HOST.includes(String(tls.issuer)) ? tls : { issuer: "none" },
    [key("protectResources")]: false,
    [key("automaticRollback")]: false,
  };
  const { problems } = checkValues(name, decoded(settings));
  if (!problems.length) return settings;
  const listed = problems.map(({ path, message }) => `${path.join(".")}: allowed: ${message}`);
  throw new OperatorError(
    `the settings of ${name} would be refused: ${listed.join("; ")}`,
    "call it as in: make pr-stage FROM=staging NUMBER=12 CONTEXT=previews DOMAIN=previews.todo-app.com",
  );
}

const withoutUndefined = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
