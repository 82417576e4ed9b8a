/** Runs the Jobs that back up, restore and check a database, from the CronJobs that the stack has as their templates. */
import { setTimeout as sleep } from "node:timers/promises";
import { OperatorError } from "../errors.ts";
import { request } from "../kubectl.ts";
import { describeFailure } from "../watch/describe.ts";
import { RolloutWatch, type RolloutFailure } from "../watch/watch.ts";
import type { Place } from "./place.ts";

const POLL_MS = 1000;
/** A Job that this command can't delete, because it was killed, is deleted by the cluster after this time. */
const KEPT_SECONDS = 3600;
const LOG_LINES = 20;

interface Container {
  readonly name: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

interface PodTemplate {
  readonly spec: { readonly containers: readonly Container[] };
}

interface JobTemplate {
  readonly metadata?: object;
  readonly spec: { readonly template: PodTemplate };
}

/** The part of a CronJob that is read. */
export interface CronJob {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly jobTemplate: JobTemplate };
}

/** What a Job does. */
export interface Task {
  /** The CronJob that is the template. */
  readonly template: "backup" | "restore" | "drill";
  /** The file of `components/backup/` to run. @default that of the template */
  readonly program?: string;
  /** Variables to add. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** What to do about an error of the program. */
  readonly fix: (message: string) => string;
}

/** The Job that does a task once. It is no child of the CronJob, so the CronJob's limits of history don't count it. */
export function jobOf(cronJob: CronJob, { program, env = {} }: Omit<Task, "template" | "fix">) {
  const { metadata, spec } = cronJob.spec.jobTemplate;
  const added = Object.entries(env).map(([name, value]) => ({ name, value }));
  const containers = spec.template.spec.containers.map((container) => ({
    ...container,
    ...(program && { command: ["bash", `/programs/${program}`] }),
    env: [...(container.env ?? []), ...added],
  }));
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { ...metadata, generateName: `${cronJob.metadata.name}-by-hand-` },
    spec: {
      ...spec,
      backoffLimit: 0,
      ttlSecondsAfterFinished: KEPT_SECONDS,
      template: { ...spec.template, spec: { ...spec.template.spec, containers } },
    },
  };
}

async function answerOf(place: Place, command: readonly string[], input?: string) {
  const { code, stdout, output } = await request(place, command, input);
  if (code === 0) return stdout;
  const where = `namespace ${place.namespace} of context "${place.context}"`;
  const missing = output.includes("(NotFound)");
  throw new OperatorError(
    `kubectl ${command.slice(0, 2).join(" ")} failed in ${where}: ${output.trim()}`,
    missing
      ? `deploy the stage first, so that it has what makes backups: make up STAGE=${place.stage}`
      : "the credentials must be allowed to read CronJobs and pods' logs there, and to create and delete Jobs",
  );
}

interface JobList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly active?: number };
  }[];
}

/** The Jobs of a template that have not ended. */
export async function running(place: Place, template: Task["template"]): Promise<string[]> {
  const selector = `--selector=app.kubernetes.io/name=${template}`;
  const list = await answerOf(place, ["get", "jobs", selector, "--output=json"]);
  return (JSON.parse(list) as JobList).items
    .filter(({ status }) => status.active)
    .map(({ metadata }) => metadata.name);
}

interface JobStatus {
  readonly succeeded?: number;
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

/** How a Job has ended; undefined while it runs, and while the API server gives no answer. */
async function endOf(place: Place, job: string): Promise<"succeeded" | "failed" | undefined> {
  const { code, stdout } = await request(place, ["get", "job", job, "--output=json"]);
  if (code !== 0) return undefined;
  const { succeeded, conditions = [] } = (JSON.parse(stdout) as { status: JobStatus }).status;
  if (succeeded) return "succeeded";
  const failed = conditions.some(({ type, status }) => type === "Failed" && status === "True");
  return failed ? "failed" : undefined;
}

/** @throws OperatorError where the Job can't run, such as a pod that fits no node */
async function waitFor(place: Place, job: string): Promise<"succeeded" | "failed"> {
  const watch = new RolloutWatch(place);
  let failure: RolloutFailure | undefined;
  void watch.failure.then((found) => (failure = found));
  watch.begin("Job", job);
  try {
    for (;;) {
      const stuck = failure; // before the question: a Job that has failed is a sign of the watch too
      const end = await endOf(place, job);
      if (end) return end;
      if (stuck) {
        const { message } = describeFailure(stuck);
        const look = `kubectl --context ${place.context} --namespace ${place.namespace} describe job`;
        throw new OperatorError(message, `remove the cause and run the command again; ${look}`);
      }
      await sleep(POLL_MS);
    }
  } finally {
    watch.stop();
  }
}

/** The error that a program has printed, or the last lines of its log. */
export function errorIn(log: readonly string[]): string {
  const error = log.findLast((line) => line.startsWith("error: "));
  const before = log.filter((line) => line !== error).slice(-LOG_LINES);
  const text = error?.slice("error: ".length) ?? "the Job failed";
  return [text, ...(before.length ? ["  log:"] : []), ...before.map((line) => `    ${line}`)].join(
    "\n",
  );
}

/**
 * Does a task and waits for its end. The Job is deleted in every case.
 *
 * @returns what the program has printed
 * @throws OperatorError with the error of the program
 */
export async function runJob(place: Place, task: Task): Promise<readonly string[]> {
  const template = await answerOf(place, ["get", "cronjob", task.template, "--output=json"]);
  const job = JSON.stringify(jobOf(JSON.parse(template) as CronJob, task));
  const created = await answerOf(place, ["create", "--filename=-", "--output=name"], job);
  const name = created.trim().replace(/^job\.batch\//, "");
  try {
    const end = await waitFor(place, name);
    const output = await answerOf(place, ["logs", `job/${name}`, "--tail=-1"]);
    const log = output.split("\n").filter(Boolean);
    if (end === "succeeded") return log;
    const message = errorIn(log);
    throw new OperatorError(message, task.fix(message));
  } finally {
    await request(place, ["delete", "job", name, "--ignore-not-found", "--wait=false"]);
  }
}

/** The last line that a program has printed, which is JSON. */
export const resultOf = (log: readonly string[]) => JSON.parse(log.at(-1) ?? "null") as unknown;
