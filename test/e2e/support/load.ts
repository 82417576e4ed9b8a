/** Steady load over persistent connections, like those of a proxy or a browser. Every failure is counted. */
import * as http from "node:http";
import * as https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

export interface Target {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Sent as JSON. @default no body */
  readonly body?: unknown;
  /**
   * Makes the call take `SLOW_MS`: the request is sent in pieces, or the answer is left unread for that long.
   * @default neither
   */
  readonly slow?: "request" | "answer";
}

export interface Outcome {
  readonly requests: number;
  /** One line for each request without an answer, or with an answer of status 400 or above. */
  readonly failures: readonly string[];
  /** Time to the end of the answer, for each successful request that is not slow on purpose, in ascending order. */
  readonly milliseconds: readonly number[];
  /** Longest time without a successful answer. */
  readonly gapMilliseconds: number;
}

interface Options {
  /** Connections for the targets that are not slow; each slow target has a connection of its own. @default 8 */
  readonly connections?: number;
  /** Pause after each call. @default 10 */
  readonly pauseMs?: number;
  /** PEM of the authority behind the host's certificate. @default plain HTTP */
  readonly ca?: string;
}

const SLOW_MS = 2000;
const PIECES = 8;

async function sendInPieces(sent: http.ClientRequest, content: string): Promise<void> {
  const size = Math.ceil(content.length / PIECES);
  for (let start = 0; start < content.length && !sent.destroyed; start += size) {
    sent.write(content.slice(start, start + size));
    await sleep((SLOW_MS * size) / content.length);
  }
  sent.end();
}

/** Settings that all calls share. */
interface Connection {
  readonly agent: http.Agent;
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly ca?: string;
}

/** One call; rejects unless a successful answer arrives in full. */
function exchange({ method, path, body, slow }: Target, connection: Connection): Promise<void> {
  const content = body === undefined ? "" : JSON.stringify(body);
  const contentHeaders = content
    ? { "Content-Type": "application/json", "Content-Length": String(Buffer.byteLength(content)) }
    : {};
  const { request } = connection.ca ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...connection,
        path,
        method,
        headers: { ...connection.headers, ...contentHeaders },
        timeout: 15_000,
      },
      (response) => {
        if (slow === "answer") setTimeout(() => response.resume(), SLOW_MS);
        else response.resume();
        response.on("error", reject);
        response.on("end", () =>
          response.statusCode! >= 400
            ? reject(new Error(`status ${response.statusCode}`))
            : resolve(),
        );
      },
    );
    sent.on("timeout", () => sent.destroy(new Error("no answer within 15 s")));
    sent.on("error", reject);
    if (slow === "request") void sendInPieces(sent, content);
    else sent.end(content);
  });
}

/** Calls the targets in turn while `meanwhile` runs, on each of the connections, with a pause after each call. */
export async function underLoad(
  host: string,
  headers: Readonly<Record<string, string>>,
  targets: readonly Target[],
  meanwhile: () => Promise<void>,
  { connections = 8, pauseMs = 10, ca }: Options = {},
): Promise<Outcome> {
  const slow = targets.filter((target) => target.slow);
  const quick = targets.filter((target) => !target.slow);
  const { Agent } = ca ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: connections + slow.length });
  const failures: string[] = [];
  const milliseconds: number[] = [];
  let [requests, gapMilliseconds, lastGood, running] = [0, 0, Date.now(), true];
  const call = async (target: Target) => {
    const begin = Date.now();
    requests += 1;
    try {
      await exchange(target, { agent, host, headers, ca });
      const now = Date.now();
      if (!target.slow) milliseconds.push(now - begin);
      gapMilliseconds = Math.max(gapMilliseconds, now - lastGood);
      lastGood = now;
    } catch (error) {
      const reason = (error as Error).message.slice(0, 200);
      failures.push(`${new Date().toISOString()} ${target.method} ${target.path}: ${reason}`);
    }
  };
  const worker = async (own: readonly Target[]) => {
    while (running)
      for (const target of own) {
        await call(target);
        await sleep(pauseMs);
      }
  };
  const workers = [...Array.from({ length: connections }, () => quick), ...slow.map((one) => [one])]
    .filter((own) => own.length)
    .map(worker);
  try {
    await meanwhile();
  } finally {
    running = false;
    await Promise.all(workers);
    agent.destroy();
  }
  gapMilliseconds = Math.max(gapMilliseconds, Date.now() - lastGood);
  return { requests, failures, milliseconds: milliseconds.sort((a, b) => a - b), gapMilliseconds };
}
