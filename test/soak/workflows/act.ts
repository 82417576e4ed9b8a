/** Runs workflows with act, in host mode: their steps are processes of this machine. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { attempt, sh } from "../../e2e/support/shell.ts";

type Variables = Readonly<Record<string, string>>;

/** What GitHub knows of the repository. act knows no environments, so every job gets the same variables and secrets. */
export interface Place {
  /** A clone, whose workflows are run. */
  readonly repository: string;
  /** Where files for act go. */
  readonly folder: string;
  readonly vars: Variables;
  readonly secrets: Variables;
  /** What GitHub sets in the environment of each step, beside what act sets. */
  readonly env: Variables;
}

interface Run {
  /** The workflow's file, such as `preview.yml`. */
  readonly workflow: string;
  readonly event: string;
  /** What GitHub says of the event. */
  readonly payload: object;
  /** Which job or which of a matrix, as options of act. @default all */
  readonly only?: string;
}

interface Outcome {
  readonly code: number;
  /** How each job ended, by its name; a job that was skipped is not there. Those of a matrix are numbered: `Preview of staging-1`. */
  readonly jobs: Variables;
  /** What act and the steps printed, without what was drawn again: act gives each step a terminal. */
  readonly log: string;
}

/** Variables by which tests find the local cluster. No runner of GitHub has them. */
const NOT_ON_A_RUNNER = [
  "CLUSTER",
  "KUBECONFIG",
  "PULUMI_BACKEND_URL",
  "PULUMI_CONFIG_PASSPHRASE",
  "PULUMI_CONFIG_PASSPHRASE_FILE",
  "TODO_APP_IMAGE_DIGESTS",
  "YES",
];

const ACTIONS = resolve(import.meta.dirname, "actions");
const HOST = "-P ubuntu-24.04=-self-hosted";
/** In host mode, a dry run of act runs the steps all the same. With an image, it runs none, nor is the image pulled. */
const DRY_RUN = "--dryrun -P ubuntu-24.04=none -P runner=none";

/** The folder of the workflows in a repository. */
export const WORKFLOWS = ".github/workflows";

/** Options that give act the stand-in of each action that the repository uses, for the commit that is pinned. */
function standIns(repository: string): string {
  const files = readdirSync(join(repository, ".github"), { recursive: true }).map(String);
  const text = files
    .filter((file) => file.endsWith(".yml"))
    .map((file) => readFileSync(join(repository, ".github", file), "utf8"))
    .join("\n");
  const used = new Set(
    [...text.matchAll(/\buses: ([\w-]+\/[\w-]+@\w+)/g)].map(([, uses]) => uses!),
  );
  return [...used]
    .map((uses) => `--local-repository ${uses}=${ACTIONS}/${/\/([\w-]+)@/.exec(uses)![1]}`)
    .join(" ");
}

interface Line {
  readonly msg?: string;
  readonly job?: string;
  readonly jobResult?: string;
}

function parsed(line: string): Line {
  try {
    return JSON.parse(line) as Line;
  } catch {
    return { msg: line };
  }
}

/** Runs a workflow for an event, and returns even if a job fails. @param platform where jobs run @default on this machine */
export async function act(
  { repository, folder, vars, secrets, env }: Place,
  { workflow, event, payload, only = "" }: Run,
  platform = HOST,
): Promise<Outcome> {
  const program = (await sh("test/soak/workflows/act.sh")).split("\n").at(-1)!;
  for (const [name, content] of Object.entries({ vars, secrets, env }))
    writeFileSync(join(folder, `${name}.yaml`), stringify(content), { mode: 0o600 });
  writeFileSync(join(folder, "event.json"), JSON.stringify(payload));
  const command = [
    `env ${NOT_ON_A_RUNNER.map((name) => `-u ${name}`).join(" ")} ${program} ${event} --json --rm`,
    `-C ${repository} -W ${WORKFLOWS}/${workflow} --eventpath ${folder}/event.json`,
    `--var-file ${folder}/vars.yaml --secret-file ${folder}/secrets.yaml --env-file ${folder}/env.yaml`,
    `--action-cache-path ${folder}/jobs --no-cache-server --no-skip-checkout`,
    standIns(repository),
    `${platform} ${only}`,
  ].join(" ");
  const { code, output, seconds } = await attempt(command);
  const lines = output.split("\n").map(parsed);
  const jobs = Object.fromEntries(
    lines.flatMap(({ job = "", jobResult }) =>
      jobResult ? [[job.trim().replace(/^[^/]*\//, ""), jobResult]] : [],
    ),
  );
  const messages = lines.map(({ msg = "" }) => msg).filter((msg) => !msg.startsWith("\x1b[1A"));
  console.log(`      ${workflow}: ${seconds.toFixed(0)} s`);
  return { code, jobs, log: messages.join("\n") };
}

/** Runs a workflow, of which these jobs must run and succeed. @returns what was printed */
export async function succeeds(
  place: Place,
  run: Run,
  jobs: readonly string[],
  platform = HOST,
): Promise<string> {
  const outcome = await act(place, run, platform);
  const all = Object.fromEntries(jobs.map((job) => [job, "success"]));
  assert.deepEqual([outcome.jobs, outcome.code], [all, 0], outcome.log);
  return outcome.log;
}

/** Goes through a workflow without running a step. The jobs are those whose conditions are met. */
export const plans = (place: Place, run: Run, jobs: readonly string[]): Promise<string> =>
  succeeds(place, run, jobs, DRY_RUN);
