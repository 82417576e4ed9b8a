/** TLS before a server that has none. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type AddressInfo } from "node:net";
import { createServer } from "node:tls";

/**
 * Passes on what it decrypts.
 *
 * @param files those of the certificate, without their endings
 * @returns its URL, and what ends it
 */
export async function tlsBefore(url: string, files: string) {
  const { hostname, port } = new URL(url);
  const certificate = { cert: readFileSync(`${files}.crt`), key: readFileSync(`${files}.key`) };
  const server = createServer(certificate, (client) => {
    const behind = connect(Number(port), hostname);
    client.pipe(behind).pipe(client);
    // Either end may break off.
    client.on("error", () => behind.destroy());
    behind.on("error", () => client.destroy());
  });
  server.listen(0, hostname);
  await once(server, "listening");
  const { port: own } = server.address() as AddressInfo;
  return { url: `https://${hostname}:${own}`, end: () => server.close() };
}
