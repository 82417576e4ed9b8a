/** The kubeconfig of a pipeline: it names a program that gets a short-lived token, and holds no credential itself. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { OperatorError } from "../errors.ts";
import { isObject, type Values } from "../yaml.ts";

const FIX = 'docs/pipelines.md, "The cluster", has kubeconfigs to copy';

/** The fields of a user that are a credential, or the path of one. */
const CREDENTIALS = [
  "auth-provider",
  "client-certificate",
  "client-certificate-data",
  "client-key",
  "client-key-data",
  "password",
  "token",
  "tokenFile",
  "username",
];

/** The entries of a list such as `users`, by their names; what is in them is below `key`. */
function named(config: Values, list: string, key: string): ReadonlyMap<string, Values> {
  const entries = Array.isArray(config[list]) ? config[list].filter(isObject) : [];
  return new Map(
    entries.map((entry) => [String(entry.name), isObject(entry[key]) ? entry[key] : {}]),
  );
}

function read(content: string): Values {
  let config: unknown;
  try {
    config = parse(content);
  } catch (error) {
    throw new OperatorError(
      `PIPELINE_KUBECONFIG is not YAML: ${(error as Error).message.split("\n")[0]}`,
      FIX,
    );
  }
  if (isObject(config)) return config;
  throw new OperatorError("PIPELINE_KUBECONFIG is no kubeconfig", FIX);
}

function checkUser(name: string, user: Values): void {
  const found = CREDENTIALS.filter((field) => field in user);
  if (found.length)
    throw new OperatorError(
      `the user "${name}" of PIPELINE_KUBECONFIG has a credential that lasts: ${found.join(", ")}`,
      `let it have "exec" alone, which gets a token when one is needed; ${FIX}`,
    );
  if (!isObject(user.exec))
    throw new OperatorError(`the user "${name}" of PIPELINE_KUBECONFIG has no "exec"`, FIX);
}

function checkClusters(config: Values): void {
  for (const [name, cluster] of named(config, "clusters", "cluster"))
    if (cluster["insecure-skip-tls-verify"] || !String(cluster.server).startsWith("https://"))
      throw new OperatorError(
        `whether the cluster "${name}" of PIPELINE_KUBECONFIG is the right one would not be verified`,
        `give it a server with https:// and certificate-authority-data; ${FIX}`,
      );
}

/** A program with a relative path is one of this project: kubectl would look for it beside the kubeconfig. */
function withAbsolutePrograms(config: Values, project: string): Values {
  const users = [...named(config, "users", "user")].map(([name, user]) => {
    const exec = user.exec as Values;
    const program = String(exec.command);
    const command = program.startsWith("./") ? resolve(project, program) : program;
    return { name, user: { ...user, exec: { ...exec, command } } };
  });
  return { ...config, users };
}

/**
 * Checks a kubeconfig and completes it.
 *
 * @param context the context that must be in it
 * @returns what to write
 */
export function checkedKubeconfig(content: string, context: string, project: string): string {
  const config = read(content);
  const contexts = named(config, "contexts", "context");
  if (!contexts.has(context))
    throw new OperatorError(
      `PIPELINE_KUBECONFIG has no context "${context}", only: ${[...contexts.keys()].join(", ") || "none"}`,
      "name a context as todo-app:kubernetesContext of the stage does",
    );
  for (const [name, user] of named(config, "users", "user")) checkUser(name, user);
  checkClusters(config);
  return stringify(withAbsolutePrograms(config, project));
}

/** Writes a kubeconfig to where kubectl looks for it, unless another one is there. @returns its path */
export function writeKubeconfig(content: string): string {
  const file = process.env.KUBECONFIG || join(homedir(), ".kube/config");
  if (file.includes(delimiter))
    throw new OperatorError(
      `KUBECONFIG names several files: ${file}`,
      "set it to the one that shall be written",
    );
  if (existsSync(file) && readFileSync(file, "utf8") !== content)
    throw new OperatorError(
      `${file} exists, and has other content`,
      "set KUBECONFIG to a file that does not exist yet",
    );
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}
