import { subscribe } from "node:diagnostics_channel";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { collectDefaultMetrics, Counter, Gauge, Histogram, type Registry } from "prom-client";
import { CONNECTIONS, pool } from "@/lib/database";
import { accountsCreated, registry as registryOfProcess } from "@/lib/useMetrics";

interface HttpEvent {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly server: Server;
}

// The first match counts. Other paths share one label: clients can invent any number of them.
const ROUTES: readonly [RegExp, string][] = [
  [/^\/(sign-in|sign-up|health|health\/live|health\/ready|api\/auth\/token)?$/, "$&"],
  [/^\/api\/auth\/(sign-in\/email|sign-up\/email|sign-out|get-session)$/, "$&"],
  [/^\/api\/auth\/.*/, "/api/auth/[...all]"],
  [/^\/api\/.*/, "/api/[...path]"],
  [/^\/_next\/static\/.*/, "/_next/static/[...path]"],
];

export function routeOf(url: string): string {
  const [path = ""] = url.split("?", 1);
  const found = ROUTES.find(([pattern]) => pattern.test(path));
  return found ? path.replace(...found) : "other";
}

/** Serves Prometheus metrics on a port of their own, which no public route reaches. */
export function startMetrics(port: number): void {
  const registry = registryOfProcess();
  collectDefaultMetrics({ register: registry });
  accountsCreated(); // registered from the start, so that the series begins with 0
  measureRequests(registry);
  measurePool(registry);
  const server = createServer(async (_request, response) => {
    response.setHeader("Content-Type", registry.contentType);
    response.end(await registry.metrics());
  });
  server.on("error", (error) => {
    console.error(`METRICS_PORT: port ${port} can't be used: ${error.message}`);
    process.exit(1);
  });
  // this server alone must not keep the process alive
  server.listen(port).unref();
}

function measureRequests(registry: Registry): void {
  const registers = [registry];
  const requests = new Counter({
    name: "http_requests_total",
    help: "Answered HTTP requests",
    labelNames: ["method", "route", "status"],
    registers,
  });
  const durations = new Histogram({
    name: "http_request_duration_seconds",
    help: "Time from a request's headers to the end of its response",
    labelNames: ["method", "route"],
    registers,
  });
  const timers = new WeakMap<IncomingMessage, (labels: Record<string, string>) => void>();
  subscribe("http.server.request.start", (event) => {
    timers.set((event as HttpEvent).request, durations.startTimer());
  });
  subscribe("http.server.response.finish", (event) => {
    const { request, response } = event as HttpEvent;
    const route = routeOf(request.url ?? "");
    if (route === "/metrics") return;
    const labels = { method: request.method ?? "", route };
    timers.get(request)?.(labels);
    requests.inc({ ...labels, status: response.statusCode });
  });
}

function measurePool(registry: Registry): void {
  new Gauge({
    name: "db_pool_connections",
    help: "Connections to the database",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      const { totalCount, idleCount } = pool();
      this.set({ state: "in_use" }, totalCount - idleCount);
      this.set({ state: "idle" }, idleCount);
    },
  });
  new Gauge({
    name: "db_pool_size",
    help: "Connections that may be open at once",
    registers: [registry],
  }).set(CONNECTIONS);
}
