/*
 * Loaded before the server (`node --import`), in the container only. Next.js listens on $HOSTNAME,
 * which some container runtimes overwrite with the pod's name: a forwarded port would find nobody
 * on the loopback address. Plain Node.js, not bundled.
 */
import { createServer } from "node:net";

/** "::" takes IPv4 connections, too; a machine without IPv6 does not have it. */
const hasIpv6 = await new Promise<boolean>((resolve) => {
  const server = createServer().once("error", () => resolve(false));
  server.listen(0, "::", () => server.close(() => resolve(true)));
});

process.env.HOSTNAME = hasIpv6 ? "::" : "0.0.0.0";
