/** Counts what is sent to Docker: stands between its clients and its socket, and passes on every byte. */
import { createConnection, createServer, type Socket } from "node:net";
import { OperatorError } from "../../ops/lib/errors.ts";

export interface Counter {
  /** What a client takes as `DOCKER_HOST`. */
  readonly host: string;
  /** The bytes that clients have sent since the last call. */
  readonly take: () => number;
}

/**
 * The socket of Docker.
 *
 * @throws OperatorError where Docker is reached in another way
 */
export function dockerSocket(host = process.env.DOCKER_HOST): string {
  const address = host || "unix:///var/run/docker.sock";
  if (address.startsWith("unix://")) return address.slice("unix://".length);
  throw new OperatorError(
    `DOCKER_HOST is ${address}, and what is sent to Docker is counted at a unix socket only`,
    "use the Docker daemon of this machine",
  );
}

/** Connects two sockets. Each of them may end its own direction first, as a client of Docker does. */
function join(client: Socket, daemon: Socket): void {
  for (const [from, to] of [
    [client, daemon],
    [daemon, client],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.destroy());
    // One that was destroyed has not ended. What is still on its way to the other one arrives all the same.
    from.on("close", () => to.end());
  }
}

/** Runs `use` with a counter in front of Docker's socket. @param path of the socket that clients use meanwhile */
export async function withCounter(
  path: string,
  socket: string,
  use: (counter: Counter) => Promise<void>,
): Promise<void> {
  let sent = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on("data", (chunk) => (sent += chunk.length));
    join(client, createConnection({ path: socket, allowHalfOpen: true }));
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(path, resolve);
  });
  const take = () => {
    const taken = sent;
    sent = 0;
    return taken;
  };
  try {
    await use({ host: `unix://${path}`, take });
  } finally {
    server.close();
  }
}
