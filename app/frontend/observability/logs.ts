/*
 * Makes every line on stdout a JSON object, also what Next.js prints at its start. The container
 * loads this file before the server (`node --import`). It is plain Node.js, not bundled.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage, ServerResponse } from "node:http";
import { format, stripVTControlCharacters } from "node:util";

interface HttpEvent {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const REQUEST_ID = /^[\w.-]{1,64}$/;
const currentRequestId = new AsyncLocalStorage<string>();
const starts = new WeakMap<IncomingMessage, number>();

function write(level: string, logger: string, message: string, fields: object = {}): void {
  const line = { time: new Date().toISOString(), level, logger, message };
  const request_id = currentRequestId.getStore();
  process.stdout.write(`${JSON.stringify({ ...line, request_id, ...fields })}\n`);
}

function replaceConsole(): void {
  const levels = { debug: "DEBUG", log: "INFO", info: "INFO", warn: "WARNING", error: "ERROR" };
  for (const [method, level] of Object.entries(levels)) {
    console[method as keyof typeof levels] = (...values: unknown[]) => {
      const message = stripVTControlCharacters(format(...values)).trim();
      if (message !== "") write(level, "app", message);
    };
  }
  process.removeAllListeners("warning").on("warning", (warning) => console.warn(warning));
}

/** Gives the request an id, which its log lines and its calls of the backend also carry. */
function identify({ request, response }: HttpEvent): void {
  const given = request.headers["x-request-id"];
  const id = typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
  request.headers["x-request-id"] = id;
  response.setHeader("X-Request-Id", id);
  starts.set(request, performance.now());
  currentRequestId.enterWith(id);
}

function logAccess({ request, response }: HttpEvent): void {
  const { method, url = "" } = request;
  const [path = ""] = url.split("?", 1);
  const status = response.statusCode;
  const isProbe = path.startsWith("/health") || request.socket.localPort === metricsPort;
  if (isProbe && status < 400) return;
  const duration_ms = Math.round(performance.now() - (starts.get(request) ?? Number.NaN));
  const request_id = request.headers["x-request-id"];
  const fields = { request_id, method, path, status, duration_ms };
  write("INFO", "access", `${method} ${path} ${status}`, fields);
}

const metricsPort = Number(process.env.METRICS_PORT ?? 9464);
replaceConsole();
subscribe("http.server.request.start", (event) => identify(event as HttpEvent));
subscribe("http.server.response.finish", (event) => logAccess(event as HttpEvent));
