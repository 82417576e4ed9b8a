/**
 * What must be right outside the stack before a deploy: the stage file, the cluster it names and what that brings, Docker.
 *
 * Usage: node ops/preflight.ts [<stage> [<stage file>]]
 */
import { clusterOf } from "./clusterApi.ts";
import { clusterFindings, type Finding } from "./clusterNeeds.ts";
import { OperatorError, main, run } from "./command.ts";
import { namespaceOf } from "../configRules.ts";
import {
  effectiveConfig,
  settingsIn,
  stageArgument,
  stageValues,
  type Settings,
  type Stage,
} from "./stage.ts";

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

/** What the cluster lacks for the stage. */
async function inspect(
  stage: string,
  values: Readonly<Record<string, unknown>>,
  context: string,
): Promise<readonly Finding[]> {
  const config = effectiveConfig(stage, values);
  if (!config)
    return [
      {
        warning: `what the cluster lacks was not checked: the configuration is wrong, as make preview STAGE=${stage} shows`,
      },
    ];
  return clusterFindings(config, await clusterOf(context), namespaceOf(stage, config));
}

function report(stage: string, context: string, findings: readonly Finding[]): void {
  for (const finding of findings)
    if ("warning" in finding) process.stdout.write(`  warning: ${finding.warning}\n`);
  const missing = findings.filter((finding) => "missing" in finding);
  if (!missing.length) return;
  const lines = missing.map((finding) => `  ${finding.missing}\n    fix: ${finding.fix}`);
  const count = missing.length === 1 ? "1 thing" : `${missing.length} things`;
  throw new OperatorError(
    `the cluster of context "${context}" lacks ${count} that stage ${stage} needs:\n${lines.join("\n")}`,
    `run these commands; make preflight STAGE=${stage} shows what is left, and changes nothing`,
  );
}

/**
 * Checks everything that a deploy needs besides its configuration, changing nothing.
 *
 * @throws OperatorError for the first thing that does not answer, or for everything that the cluster lacks
 * @returns where the stage is deployed
 */
export async function preflight(stage: Stage): Promise<Settings> {
  const { name } = stage;
  const values = await stageValues(stage);
  const context = values["todo-app:kubernetesContext"];
  const images = (values["todo-app:images"] ?? {}) as { backend?: string; frontend?: string };
  const builds = !images.backend || !images.frontend;
  const named = typeof context === "string" ? context : undefined; // else config.ts says what is wrong
  const [findings] = await Promise.all([
    named ? inspect(name, values, named) : [],
    named ? checkCluster(name, named) : undefined,
    builds ? checkDocker() : undefined,
  ]);
  if (named) report(name, named, findings);
  return settingsIn(name, values);
}

if (import.meta.main)
  await main(async () => {
    await preflight(stageArgument());
    process.stdout.write("nothing that was checked is missing\n");
  });
