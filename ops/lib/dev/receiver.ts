/** The connection to the program in a pod that takes sources: see `development.py` and `development.ts` of the app. */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Place } from "../kubectl.ts";
import type { Files } from "./sources.ts";

/** What the pod has made of sources. */
export interface Answer {
  /** The paths that it had otherwise, or not at all, or that it has deleted. */
  readonly changed: readonly string[];
  readonly outcome: "serves" | "failed";
}

/** The connection has ended before the answer came. */
export class ConnectionLost extends Error {}

export interface Receiver {
  /**
   * Sends all sources.
   *
   * @throws ConnectionLost where the connection ends before the answer
   */
  send(files: Files): Promise<Answer>;
  /** Resolves when the connection has ended, with what kubectl says about it. */
  readonly ended: Promise<string>;
  close(): void;
}

const encoded = (files: Files) =>
  Object.fromEntries([...files].map(([path, content]) => [path, content.toString("base64")]));

/** Speaks with a program over its standard input and output. */
export function receiverOf(child: ChildProcess): Receiver {
  const waiting = new Map<string, PromiseWithResolvers<Answer>>();
  let complaint = "";
  child.stdin!.on("error", () => {}); // that the program has ended is noticed below
  child.stderr!.on("data", (text: Buffer) => (complaint += text.toString()));
  createInterface({ input: child.stdout! }).on("line", (line) => {
    const { id, ...answer } = JSON.parse(line) as Answer & { readonly id: string };
    waiting.get(id)?.resolve(answer);
    waiting.delete(id);
  });
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", () => resolve(complaint.trim()));
  });
  const lost = ended.then((reason): never => {
    throw new ConnectionLost(reason);
  });
  lost.catch(() => {}); // nobody may be waiting for an answer
  return {
    send: (files) => {
      // It differs from those of other connections, of this command and of earlier ones.
      const id = `${process.pid}-${Date.now()}`;
      const answer = Promise.withResolvers<Answer>();
      waiting.set(id, answer);
      child.stdin!.write(`${JSON.stringify({ id, files: encoded(files) })}\n`);
      return Promise.race([answer.promise, lost]);
    },
    ended,
    close: () => child.kill(),
  };
}

/** Connects to the program of a pod. @param command how the container starts it */
export function connect(
  { context, namespace }: Place,
  pod: string,
  container: string,
  command: readonly string[],
): Receiver {
  const place = [`--context=${context}`, `--namespace=${namespace}`];
  const options = ["--stdin", pod, `--container=${container}`, "--"];
  // In a group of its own: Ctrl-C in a terminal is for this command, which ends kubectl itself.
  return receiverOf(
    spawn("kubectl", [...place, "exec", ...options, ...command, "receive"], {
      stdio: "pipe",
      detached: true,
    }),
  );
}
