/*
 * Sets the address on which Next.js listens: it reads HOSTNAME, which some container runtimes set
 * to the pod's name. Next.js would then not listen on the loopback address, which a port-forward
 * needs. The container loads this file before the server (`node --import`). It is plain Node.js,
 * not bundled.
 */
import { createServer } from "node:net";

/** "::" also accepts IPv4 connections, but fails on a machine without IPv6. */
const hasIpv6 = await new Promise<boolean>((resolve) => {
  const server = createServer().once("error", () => resolve(false));
  server.listen(0, "::", () => server.close(() => resolve(true)));
});

process.env.HOSTNAME = hasIpv6 ? "::" : "0.0.0.0";
