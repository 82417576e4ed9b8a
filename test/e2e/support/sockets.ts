/**
 * Opens and accepts TCP connections in whatever network namespace it is started in.
 *
 * Usage: node sockets.ts connect < [["address", port], …]   prints the ones that were accepted, as JSON
 *        node sockets.ts listen <port> …                    prints "listening"; ends with its standard input
 *
 * A port that something listens on already is left to it.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { json } from "node:stream/consumers";

type Target = readonly [address: string, port: number];

/** Longest time for a connection. All ends are on this machine, so a longer one means that its packets are dropped. */
const TIMEOUT_MS = 2_000;
/** Number of connections at once that overflows no accept queue. */
const AT_ONCE = 32;

async function isAccepted([host, port]: Target): Promise<boolean> {
  const socket = connect({ host, port, timeout: TIMEOUT_MS });
  socket.on("timeout", () => socket.destroy(new Error("timeout")));
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function connectAll(targets: Target[]): Promise<Target[]> {
  const accepted: Target[] = [];
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let next = targets.pop(); next; next = targets.pop())
      if (await isAccepted(next)) accepted.push(next);
  });
  await Promise.all(workers);
  return accepted;
}

async function listen(port: number): Promise<void> {
  const server = createServer((socket) => socket.on("error", () => {}).end());
  server.listen(port, "0.0.0.0");
  await Promise.race([once(server, "listening"), once(server, "error")]).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
  });
}

const [, , mode, ...ports] = process.argv;
if (mode === "connect") {
  const targets = (await json(process.stdin)) as Target[];
  process.stdout.write(JSON.stringify(await connectAll(targets)));
} else {
  await Promise.all(ports.map((port) => listen(Number(port))));
  process.stdout.write("listening\n");
  process.stdin.resume().on("end", () => process.exit());
}
