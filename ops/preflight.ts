/** What must be right outside the stack before a deploy: the stage file, the cluster it names, Docker. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { parse } from "yaml";
import { OperatorError, run } from "./command.ts";

/** The stages that have a file, such as ["dev", "production", "staging"]. */
export function stages(): string[] {
  return readdirSync(".").flatMap((file) => /^Pulumi\.([^.]+)\.yaml$/.exec(file)?.[1] ?? []);
}

/** Values of a stage file, as written. */
export function stageFile(stage: string): Record<string, unknown> {
  const file = `Pulumi.${stage}.yaml`;
  if (!existsSync(file))
    throw new OperatorError(
      `there is no stage "${stage}": ${file} does not exist`,
      `use one of ${stages().join(", ")}, as in "make up STAGE=dev", or copy a stage file to ${file}`,
    );
  try {
    const content = parse(readFileSync(file, "utf8")) as {
      config?: Record<string, unknown>;
    } | null;
    return content?.config ?? {};
  } catch (error) {
    throw new OperatorError(
      `${file} is not YAML: ${(error as Error).message.split("\n")[0]}`,
      "mend that line; pulumi config set writes values that need no care for YAML",
    );
  }
}

async function checkCluster(stage: string, context: string): Promise<void> {
  const { code, output } = await run([
    "kubectl",
    `--context=${context}`,
    "--request-timeout=5s",
    "get",
    "--raw=/readyz",
  ]);
  if (code === 0) return;
  if (/context .*does not exist/.test(output)) {
    const { output: contexts } = await run(["kubectl", "config", "get-contexts", "--output=name"]);
    throw new OperatorError(
      `the kubeconfig has no context "${context}"; it has: ${contexts.trim().split("\n").join(", ") || "none"}`,
      `point KUBECONFIG at the right file, or name another one: pulumi config set --stack ${stage} todo-app:kubernetesContext <context>`,
    );
  }
  throw new OperatorError(
    `the cluster of context "${context}" does not answer: ${output.trim().split("\n").at(-1)}`,
    `start the cluster ("make cluster" for the local one) and check it with: kubectl --context ${context} get nodes`,
  );
}

async function checkDocker(): Promise<void> {
  const { code, output } = await run(["docker", "version", "--format={{.Server.Version}}"]);
  if (code === 0) return;
  throw new OperatorError(
    `Docker does not answer, and the images are built with it: ${output.trim().split("\n").at(-1)}`,
    `start Docker ("make cluster" starts the local one) and check it with: docker version`,
  );
}

/**
 * Checks everything that a deploy of `stage` needs besides its configuration, changing nothing.
 *
 * @throws OperatorError for the first thing that is missing
 */
export async function preflight(stage: string): Promise<void> {
  const config = stageFile(stage);
  const context = config["todo-app:kubernetesContext"];
  const images = (config["todo-app:images"] ?? {}) as { backend?: string; frontend?: string };
  const builds = !images.backend || !images.frontend;
  await Promise.all([
    typeof context === "string" ? checkCluster(stage, context) : undefined, // else config.ts says what is wrong
    builds ? checkDocker() : undefined,
  ]);
}
