/** Checks what a deploy needs outside the stack: the stage file, the cluster that it names, what that cluster has, and Docker. */
import { addressFindings } from "./addressNeeds.ts";
import { clusterOf, readOnce } from "./clusterApi.ts";
import { clusterFindings, type Finding } from "./clusterNeeds.ts";
import { registryForDocker } from "./registryNeeds.ts";
import { OperatorError } from "../errors.ts";
import { run } from "../run.ts";
import type { Stage as Configuration } from "../../../config/schema.ts";
import { SERVICE_NAMES } from "../../../config/services.ts";
import {
  decoded,
  effectiveConfig,
  settingsIn,
  stageValues,
  type Settings,
  type Stage,
} from "../stage.ts";
import type { Values } from "../yaml.ts";

/** kubectl, with which the cluster is read, is not on this machine. */
export class KubectlMissing extends OperatorError {
  constructor() {
    super("kubectl is not installed", "install it; the cluster is read with it");
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
  if (code === 127) throw new KubectlMissing();
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

/** The message for a stage whose configuration is wrong. */
export const unchecked = (stage: string) =>
  `what the cluster lacks was not checked: the configuration is wrong, as make preview STAGE=${stage} shows`;

/** How what was found is told. */
interface Telling {
  readonly warn: (text: string) => void;
  /** What to do once the commands have run that install what is missing. */
  readonly next: string;
}

const forCommands = ({ name }: Stage): Telling => ({
  warn: (text) => process.stdout.write(`  warning: ${text}\n`),
  next: `make preflight STAGE=${name} shows what is left, and changes nothing`,
});

function report(
  stage: string,
  context: string,
  findings: readonly Finding[],
  { warn, next }: Telling,
): void {
  for (const finding of findings) if ("warning" in finding) warn(finding.warning);
  const missing = findings.filter((finding) => "missing" in finding);
  if (!missing.length) return;
  const lines = missing.map((finding) => `  ${finding.missing}\n    fix: ${finding.fix}`);
  const count = missing.length === 1 ? "1 thing" : `${missing.length} things`;
  throw new OperatorError(
    `the cluster of context "${context}" lacks ${count} that stage ${stage} needs:\n${lines.join("\n")}`,
    `run these commands; ${next}`,
  );
}

/** What preflight knows about a stage, and how it finds out the rest. */
interface Inspection {
  readonly settings: Settings;
  /** Undefined where the configuration is wrong. What the stage needs of its cluster is not known then. */
  readonly config?: Configuration;
  /** @throws OperatorError for a cluster or a Docker that does not answer */
  readonly findings: () => Promise<readonly Finding[]>;
}

/** @param values the settings of the stage, as the engine resolves them */
function inspect({ name }: Stage, values: Values): Inspection {
  const settings = settingsIn(name, values);
  const { context, namespace } = settings; // where there is no context, the program reports that
  const config = effectiveConfig(name, values);
  const images = (decoded(values).images ?? {}) as Partial<Configuration["images"]>;
  const inCluster = async (): Promise<readonly Finding[]> => {
    if (!config) return [{ warning: unchecked(name) }];
    const cluster = readOnce(await clusterOf(context));
    const found = await Promise.all([
      clusterFindings(config, cluster, namespace),
      registryForDocker(config, cluster, namespace),
      addressFindings(config, cluster),
    ]);
    return found.flat();
  };
  const findings = async () => {
    const [found] = await Promise.all([
      context ? inCluster() : [],
      context ? checkCluster(name, context) : undefined,
      SERVICE_NAMES.every((service) => images[service]) ? undefined : checkDocker(),
    ]);
    return found;
  };
  return { settings, config, findings };
}

/** The settings of a stage that passed preflight. */
interface Checked extends Settings {
  /** Whether its configuration is right. Otherwise it is not known what it needs of the cluster. */
  readonly valid: boolean;
  /** The database that it configures; undefined where the configuration is wrong. */
  readonly database?: Configuration["database"];
  /** The images that it configures; undefined where the configuration is wrong. */
  readonly images?: Configuration["images"];
}

/**
 * Checks everything that a deploy needs besides its configuration, changing nothing.
 *
 * @param values the settings of the stage, as the engine resolves them @default they are read
 * @param telling how what was found is told @default as a command of make does
 * @throws OperatorError for the first thing that does not answer, or for everything that the cluster lacks
 */
export async function preflight(
  stage: Stage,
  values?: Values,
  telling = forCommands(stage),
): Promise<Checked> {
  const { settings, config, findings } = inspect(stage, values ?? (await stageValues(stage)));
  report(stage.name, settings.context, await findings(), telling);
  return { ...settings, valid: !!config, database: config?.database, images: config?.images };
}

/** The output of `preflight --json`. Keys may be added; those that are here keep their meaning. */
export interface Report {
  readonly stage: string;
  /** Empty where the stage names none. */
  readonly context: string;
  readonly namespace: string;
  /** Whether there is no problem. */
  readonly passed: boolean;
  /** What keeps a deploy from working, each with the command that fixes it. */
  readonly problems: readonly { readonly message: string; readonly fix: string }[];
  /** What does not keep a deploy from working, but should be known. */
  readonly warnings: readonly string[];
}

/** Checks the same as `preflight`, and returns everything that it finds. */
export async function preflightReport(stage: Stage): Promise<Report> {
  const { settings, config, findings } = inspect(stage, await stageValues(stage));
  const { context, namespace } = settings;
  const found = await findings().catch((error: unknown): readonly Finding[] => {
    if (!(error instanceof OperatorError)) throw error;
    return [{ missing: error.message, fix: error.fix }];
  });
  const problems = found.flatMap((finding) =>
    "missing" in finding ? [{ message: finding.missing, fix: finding.fix }] : [],
  );
  if (!config)
    problems.push({ message: unchecked(stage.name), fix: `make preview STAGE=${stage.name}` });
  const warnings = found.flatMap((finding) =>
    "warning" in finding && config ? [finding.warning] : [],
  );
  return { stage: stage.name, context, namespace, passed: !problems.length, problems, warnings };
}
