/**
 * Decides which cluster and which state backend the commands of a stage use. Prints the result as assignments for a shell:
 * CHOICE (`local`: the cluster on this machine; `context`: the one that the stage file names), REASON, CONTEXT, KUBECONFIG,
 * and BACKEND (empty: the one that the user has chosen).
 *
 * Usage: node ops/lib/chooseCluster.ts <stage> <project folder> <state folder>
 *
 * The stage may be named as its stack in Pulumi Cloud: <organisation>/todo-app/<stage>.
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { OperatorError, main } from "./errors.ts";
import { isObject, readYaml } from "./yaml.ts";

const [stack = "", project = "", state = ""] = process.argv.slice(2);
/** The stage by its own name, which its file and what is remembered of it have. */
const stage = stack.split("/").at(-1)!;
const { env } = process;
const localKubeconfig = join(state, "kubeconfig");

/** A name as text: YAML reads a name of digits as a number. */
const nameIn = (value: unknown) =>
  typeof value === "string" || typeof value === "number" ? String(value) : undefined;

/** The context that the stage file names. Undefined where it names none, because an environment of Pulumi ESC may. */
function contextOfStage(): string | undefined {
  const file = `Pulumi.${stage}.yaml`;
  if (!existsSync(join(project, file)))
    throw new OperatorError(
      `there is no ${file}`,
      `name a stage that has a file: ${readdirSync(project)
        .filter((name) => /^Pulumi\..+\.yaml$/.test(name))
        .join(" ")}`,
    );
  return nameIn(readYaml(join(project, file)).config?.["todo-app:kubernetesContext"]);
}

/** The kubeconfig files of the machine, as kubectl finds them. That of the local cluster, which `make env` sets, is left out. */
function machineKubeconfig(): string {
  const files = (env.KUBECONFIG ?? "").split(delimiter);
  const own = files.filter((file) => file && file !== localKubeconfig);
  return own.join(delimiter) || join(homedir(), ".kube/config");
}

function hasContext(kubeconfig: string, context: string): boolean {
  return kubeconfig
    .split(delimiter)
    .filter((file) => existsSync(file))
    .flatMap((file) => readYaml(file).contexts ?? [])
    .some((entry) => isObject(entry) && nameIn(entry.name) === context);
}

/** What an earlier `make <command> CLUSTER=…` said. local/up has noted it. */
function remembered(): string | undefined {
  const file = join(state, "clusters", stage);
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}

interface Choice {
  readonly choice: "local" | "context";
  readonly reason: string;
}

function choose(context: string | undefined, kubeconfig: string): Choice {
  const home = `${homedir()}/`;
  const short = (file: string) => (file.startsWith(home) ? `~/${file.slice(home.length)}` : file);
  const files = kubeconfig.split(delimiter).map(short).join(delimiter);
  const found = context !== undefined && hasContext(kubeconfig, context);
  const place = `context "${context}" in ${files}`;
  const said = env.CLUSTER || remembered();
  const reason = env.CLUSTER ? `CLUSTER=${said}` : `as CLUSTER=${said} said before`;
  if (said === "local") {
    const hint = `; CLUSTER=context uses ${place}`;
    return { choice: "local", reason: env.CLUSTER || !found ? reason : `${reason}${hint}` };
  }
  if (said && said !== "context")
    throw new OperatorError(
      `CLUSTER=${said} is neither local nor context`,
      `CLUSTER=local uses a cluster on this machine, CLUSTER=context the one that Pulumi.${stage}.yaml names`,
    );
  // Where the stage file names no context, CLUSTER=context means that Pulumi ESC names one.
  if (found || (said && context === undefined))
    return { choice: "context", reason: said ? `${reason}, ${place}` : place };
  // Only dev takes a cluster on this machine in the place of another one without being told to.
  if (!said && stage === "dev") return { choice: "local", reason: `no ${place}` };
  throw notFound(context, files);
}

function notFound(context: string | undefined, files: string): OperatorError {
  const orLocal = `or, for a cluster on this machine: make up STAGE=${stack} CLUSTER=local`;
  return context === undefined
    ? new OperatorError(
        `Pulumi.${stage}.yaml names no context`,
        `pulumi config set --stack ${stack} todo-app:kubernetesContext <context>; ${orLocal}`,
      )
    : new OperatorError(
        `there is no context "${context}" in ${files}, which stage ${stage} is deployed to`,
        `point KUBECONFIG at the file that has it; ${orLocal}`,
      );
}

/** Whether the user has chosen a backend. One below the state folder is this script's choice, not the user's. */
function hasBackend(): boolean {
  const home = env.PULUMI_CREDENTIALS_PATH || env.PULUMI_HOME || join(homedir(), ".pulumi");
  const credentials = join(home, "credentials.json");
  const { backend } = readYaml(join(project, "Pulumi.yaml"));
  return Boolean(
    (env.PULUMI_BACKEND_URL && !env.PULUMI_BACKEND_URL.startsWith(`file://${state}/`)) ||
    env.PULUMI_ACCESS_TOKEN ||
    (isObject(backend) && backend.url) ||
    (existsSync(credentials) && readYaml(credentials).current),
  );
}

/** The local cluster has states of its own. No login of the user makes it use the state of a real stage. */
function backendOf(choice: Choice["choice"]): string {
  if (choice === "context" && hasBackend()) return "";
  // metadata=skip: the engine does not replace a metadata file in one step, and an empty one makes the state unreadable.
  return `file://${state}/${choice === "local" ? "pulumi" : "stacks"}?metadata=skip`;
}

/** Only a backend that the user has chosen can have organisations. */
function refuseOrganisation(choice: Choice["choice"]): void {
  if (stack === stage) return;
  throw new OperatorError(
    `STAGE=${stack} names an organisation, and the state of ${stage} is a file on this machine`,
    choice === "local"
      ? `on the local cluster, use STAGE=${stage}`
      : `log in to the backend that has the organisation: pulumi login; or use STAGE=${stage}`,
  );
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

await main(() => {
  const context = contextOfStage();
  const kubeconfig = machineKubeconfig();
  const { choice, reason } = choose(context, kubeconfig);
  const backend = backendOf(choice);
  if (backend) refuseOrganisation(choice);
  const settings = {
    CHOICE: choice,
    REASON: reason,
    CONTEXT: context ?? "",
    KUBECONFIG: choice === "local" ? localKubeconfig : kubeconfig,
    BACKEND: backend,
  };
  for (const [name, value] of Object.entries(settings))
    process.stdout.write(`${name}=${quoted(value)}\n`);
});
