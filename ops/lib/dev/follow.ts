/** Keeps the sources in the pod of one service like those on this machine. */
import { setTimeout as sleep } from "node:timers/promises";
import { OperatorError } from "../errors.ts";
import type { Found } from "./pods.ts";
import { ConnectionLost, type Answer, type Receiver } from "./receiver.ts";
import { differences, type Files, type Sources, type Watch } from "./sources.ts";

/** How the service is reached, and where its sources are. Tests pass their own. */
export interface Means {
  readonly service: string;
  readonly read: () => Sources;
  readonly watch: Watch;
  readonly find: () => Promise<Found>;
  readonly connect: (pod: string) => Receiver;
  /** The last lines that the pod has logged. */
  readonly log: (pod: string) => Promise<string>;
  /** Prints a line for the operator. */
  readonly say: (line: string) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

const RETRY_MS = 500;
/** Files that a line names. */
const NAMED = 2;

function namesOf(paths: readonly string[]): string {
  const more = paths.length - NAMED;
  const named = paths.slice(0, NAMED).join(", ");
  const files = paths.length === 1 ? "1 file" : `${paths.length} files`;
  return `${named}${more > 0 ? ` and ${more} more` : ""} (${files})`;
}

/** What a sync has done, in a line. */
export function lineOf({ changed, outcome }: Answer, seconds: number): string {
  const took = `after ${seconds.toFixed(1)} s`;
  const what = changed.length ? namesOf(changed) : "the pod has the same sources";
  return outcome === "serves"
    ? `${what} … serves ${took}`
    : `${what} … does not work (${took}); the end of its log:`;
}

/** Sends the sources to the pod, and says what it makes of them. */
async function sync(means: Means, pod: string, receiver: Receiver, files: Files): Promise<void> {
  const { service, say, log } = means;
  const begin = Date.now();
  const answer = await receiver.send(files);
  say(`  ${service}: ${lineOf(answer, (Date.now() - begin) / 1000)}`);
  if (answer.outcome === "failed") say((await log(pod)).trimEnd().replace(/^/gm, "    "));
}

/** Says so once where a file was changed that is part of the image, or needs a deploy for another reason. */
function fixedFiles({ service, say }: Means, deployed: Files) {
  let told = deployed;
  return (now: Files) => {
    const news = differences(told, now);
    told = now;
    const changed = differences(deployed, now).filter((path) => news.includes(path));
    if (changed.length)
      say(`  ${service}: ${namesOf(changed)} … needs a deploy: Ctrl-C, then make dev again`);
  };
}

/** Syncs with one pod until its connection ends. @returns why it ended, as far as that is known */
async function syncWith(
  means: Means,
  pod: string,
  onFixed: (files: Files) => void,
): Promise<string> {
  const { read, watch, signal } = means;
  const receiver = means.connect(pod);
  const close = () => receiver.close();
  signal.addEventListener("abort", close);
  let isOpen = true as boolean; // a callback sets it, which the compiler does not see
  void receiver.ended.then(() => (isOpen = false));
  let sent: Files | undefined;
  try {
    while (isOpen) {
      const { files, fixed } = read();
      onFixed(fixed);
      if (!sent || differences(sent, files).length) await sync(means, pod, receiver, files);
      sent = files;
      await Promise.race([watch.changed(), receiver.ended]);
    }
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
  } finally {
    signal.removeEventListener("abort", close);
    receiver.close();
  }
  return receiver.ended;
}

/**
 * Follows the sources of a service until `signal`. A pod that was replaced gets all sources again.
 *
 * @param deployed the files of the last deploy on which its image depends
 * @throws OperatorError where another command has deployed the built images
 */
export async function follow(means: Means, deployed: Files): Promise<void> {
  const { service, signal, say } = means;
  const onFixed = fixedFiles(means, deployed);
  let told = "";
  /** Says what does not change from try to try only once. */
  const sayOnce = (line: string) => {
    if (line !== told) say(line);
    told = line;
  };
  const isOver = () => signal.aborted;
  while (!isOver()) {
    const found = await means.find();
    if (found === "built")
      throw new OperatorError(
        `${service} runs its built image: another command has deployed it`,
        "make dev deploys it for development again",
      );
    if (found === "none") sayOnce(`  ${service}: waits for its pod`);
    else {
      const reason = await syncWith(means, found.pod, onFixed);
      if (!isOver()) sayOnce(`  ${service}: lost ${found.pod}${reason && ` (${reason})`}`);
    }
    await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
  }
}
