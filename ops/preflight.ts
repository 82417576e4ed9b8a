/**
 * What must be right outside the stack before a deploy: the stage file, the cluster it names and what that brings, Docker.
 *
 * Usage: node ops/preflight.ts [<stage> [<stage file>]]
 */
import { clusterOf } from "./clusterApi.ts";
import { clusterFindings, type Finding } from "./clusterNeeds.ts";
import { OperatorError, main, run } from "./command.ts";
import type { Stage as Configuration } from "../config/schema.ts";
import { SERVICE_NAMES } from "../config/services.ts";
import {
  decoded,
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

const unchecked = (stage: string) =>
  `what the cluster lacks was not checked: the configuration is wrong, as make preview STAGE=${stage} shows`;

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

/** Where a stage is deployed. */
interface Checked extends Settings {
  /** Whether its configuration is right: otherwise it is not known what it needs of the cluster. */
  readonly valid: boolean;
  /** The database that it asks for; undefined where it is not right. */
  readonly database?: Configuration["database"];
}

/**
 * Checks everything that a deploy needs besides its configuration, changing nothing.
 *
 * @throws OperatorError for the first thing that does not answer, or for everything that the cluster lacks
 */
export async function preflight(stage: Stage): Promise<Checked> {
  const { name } = stage;
  const values = await stageValues(stage);
  const settings = settingsIn(name, values);
  const { context, namespace } = settings; // without a context, the program says what is wrong
  const config = effectiveConfig(name, values);
  const images = (decoded(values).images ?? {}) as Partial<Configuration["images"]>;
  const inspect = async (): Promise<readonly Finding[]> =>
    config
      ? clusterFindings(config, await clusterOf(context), namespace)
      : [{ warning: unchecked(name) }];
  const [findings] = await Promise.all([
    context ? inspect() : [],
    context ? checkCluster(name, context) : undefined,
    SERVICE_NAMES.every((service) => images[service]) ? undefined : checkDocker(),
  ]);
  report(name, context, findings);
  return { ...settings, valid: !!config, database: config?.database };
}

if (import.meta.main)
  await main(async () => {
    const { name, file } = stageArgument();
    const { valid } = await preflight({ name, file });
    if (!valid) throw new OperatorError(unchecked(name), `make preview STAGE=${name}`);
    process.stdout.write("nothing that was checked is missing\n");
  });
