/** Steady load over connections that stay open, as a proxy or a browser keeps them; every failure is counted. */
import { Agent, request } from "node:http";

export interface Target {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Sent as JSON. @default no body */
  readonly body?: unknown;
}

export interface Outcome {
  readonly requests: number;
  /** One line for each request that got no answer, or one with a status of 400 and above. */
  readonly failures: readonly string[];
}

/** Calls the targets in turn, on each of the connections and with a pause after each call, while `meanwhile` runs. */
export async function underLoad(
  host: string,
  headers: Readonly<Record<string, string>>,
  targets: readonly Target[],
  meanwhile: () => Promise<void>,
  { connections = 8, pauseMs = 10 } = {},
): Promise<Outcome> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const failures: string[] = [];
  let requests = 0;
  let running = true;
  const call = (target: Target) => {
    requests += 1;
    return new Promise<void>((resolve) => {
      const failed = (reason: string) => {
        failures.push(
          `${new Date().toISOString()} ${target.method} ${target.path}: ${reason.slice(0, 200)}`,
        );
        resolve();
      };
      const { method, path, body } = target;
      const sent = request({ agent, host, path, method, headers, timeout: 15_000 }, (response) => {
        response.resume();
        response.on("error", (error) => failed(error.message));
        response.on("end", () =>
          response.statusCode! >= 400 ? failed(`status ${response.statusCode}`) : resolve(),
        );
      });
      sent.on("timeout", () => sent.destroy(new Error("no answer within 15 s")));
      sent.on("error", (error) => failed(error.message));
      if (body !== undefined) sent.setHeader("Content-Type", "application/json");
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  };
  const worker = async () => {
    while (running)
      for (const target of targets) {
        await call(target);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
  };
  const workers = Array.from({ length: connections }, worker);
  try {
    await meanwhile();
  } finally {
    running = false;
    await Promise.all(workers);
    agent.destroy();
  }
  return { requests, failures };
}
