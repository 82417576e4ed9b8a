import { subscribe } from "node:diagnostics_channel";
import type { Server } from "node:http";
import { pool } from "@/lib/database";

// Requests in flight get this long after SIGTERM; below the pod's termination grace period.
const DRAIN_MS = 20_000;
const DRAIN_CHECK_MS = 50;

/**
 * On SIGTERM: no new connections, what runs is finished, the database's connections are closed.
 * Next.js's own handler, which NEXT_MANUAL_SIG_HANDLE turns off, waits for idle connections too
 * and knows nothing of the database.
 */
export function exitGracefully(stopTracing: () => Promise<void>): void {
  const servers = new Set<Server>();
  subscribe("http.server.request.start", (event) =>
    servers.add((event as { server: Server }).server),
  );
  const exit = async (): Promise<void> => {
    await Promise.all([...servers].map(drain));
    await Promise.allSettled([pool().end(), stopTracing()]);
    process.exit(0);
  };
  process.once("SIGTERM", exit);
  process.once("SIGINT", exit);
}

function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // a connection is idle only once its request is answered
    const closing = setInterval(() => server.closeIdleConnections(), DRAIN_CHECK_MS);
    const deadline = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearInterval(closing);
      clearTimeout(deadline);
      resolve();
    });
  });
}
