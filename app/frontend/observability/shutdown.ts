import { subscribe } from "node:diagnostics_channel";
import type { Server } from "node:http";
import { pool } from "@/lib/database";

// How long requests in flight may take after SIGTERM: less than the pod's termination grace period.
const DRAIN_MS = 20_000;
const DRAIN_CHECK_MS = 50;

/**
 * On SIGTERM, accepts no new connections, finishes the requests in flight, closes the database's
 * connections and exits with 0. NEXT_MANUAL_SIG_HANDLE turns off Next.js's own handler, which also
 * waits for idle connections and does not close the database's.
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
    // checked again and again: a connection becomes idle when its request is answered
    const closing = setInterval(() => server.closeIdleConnections(), DRAIN_CHECK_MS);
    const deadline = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearInterval(closing);
      clearTimeout(deadline);
      resolve();
    });
  });
}
