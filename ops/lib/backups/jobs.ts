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
  readonly spec: {
    /** Where backups are in a bucket: what runs before the program, or instead of it for a backup. */
    readonly initContainers?: readonly Container[];
    readonly containers: readonly Container[];
  };
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
  /** Begins the name of the Job. @default the name of the template */
  readonly name?: string;
  /** Variables to add. @default none */
  readonly env?: Readonly<Record<string, string>>;
  /** What to do about an error of the program. */
  readonly fix: (message: string) => string;
}

/** What begins the name of a Job that an operator has started. */
const byHand = (name: string) => `${name}-by-hand-`;

/** The Job that does a task once. It is no child of the CronJob, so the CronJob's limits of history don't count it. */
export function jobOf(
  cronJob: CronJob,
  { program, name, env = {} }: Omit<Task, "template" | "fix">,
) {
  const { metadata, spec } = cronJob.spec.jobTemplate;
  const added = Object.entries(env).map(([key, value]) => ({ name: key, value }));
  const withEnv = (container: Container) => ({
    ...container,
    env: [...(container.env ?? []), ...added],
  });
  const { initContainers, containers } = spec.template.spec;
  const command = program && { command: ["bash", `/programs/${program}`] };
  const pod = {
    ...spec.template.spec,
    ...(initContainers && { initContainers: initContainers.map(withEnv) }),
    containers: containers.map((container) => ({ ...withEnv(container), ...command })),
  };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { ...metadata, generateName: byHand(name ?? cronJob.metadata.name) },
    spec: {
      ...spec,
      backoffLimit: 0,
      ttlSecondsAfterFinished: KEPT_SECONDS,
      template: { ...spec.template, spec: pod },
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

/** The Jobs that an operator has started from a template under its name, and that have not ended. */
export async function running(place: Place, template: Task["template"]): Promise<string[]> {
  const selector = `--selector=app.kubernetes.io/name=${template}`;
  const list = await answerOf(place, ["get", "jobs", selector, "--output=json"]);
  return (JSON.parse(list) as JobList).items
    .filter(({ metadata, status }) => status.active && metadata.name.startsWith(byHand(template)))
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

const linesOf = (output: string) => output.split("\n").filter(Boolean);

/** What all containers of a failed Job have printed. One that has not started has printed nothing. */
async function logOfFailure(place: Place, job: string, names: readonly string[]) {
  const logs: string[] = [];
  for (const name of names) {
    const command = ["logs", `job/${job}`, `--container=${name}`, "--tail=-1"];
    const { code, stdout } = await request(place, command);
    if (code === 0) logs.push(...linesOf(stdout));
  }
  return logs;
}

/**
 * Does a task and waits for its end. The Job is deleted in every case.
 *
 * @returns what the last container has printed
 * @throws OperatorError with the error of the program
 */
export async function runJob(place: Place, task: Task): Promise<readonly string[]> {
  const template = await answerOf(place, ["get", "cronjob", task.template, "--output=json"]);
  const job = jobOf(JSON.parse(template) as CronJob, task);
  const { initContainers = [], containers } = job.spec.template.spec;
  const containerNames = [...initContainers, ...containers].map((container) => container.name);
  const input = JSON.stringify(job);
  const created = await answerOf(place, ["create", "--filename=-", "--output=name"], input);
  const name = created.trim().replace(/^job\.batch\//, "");
  try {
    const end = await waitFor(place, name);
    if (end === "succeeded") {
      const last = `--container=${containerNames.at(-1)}`;
      return linesOf(await answerOf(place, ["logs", `job/${name}`, last, "--tail=-1"]));
    }
    const message = errorIn(await logOfFailure(place, name, containerNames));
    throw new OperatorError(message, task.fix(message));
  } finally {
    await request(place, ["delete", "job", name, "--ignore-not-found", "--wait=false"]);
  }
}

/** The last line that a program has printed, which is JSON. */
export const resultOf = (log: readonly string[]) => JSON.parse(log.at(-1) ?? "null") as unknown;
