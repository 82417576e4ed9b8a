/** observability/listen.ts sets the address on which the container's server listens. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { networkInterfaces } from "node:os";
import { test } from "node:test";

const LISTEN = new URL("../observability/listen.ts", import.meta.url).href;
// Node.js fails like this on a machine whose kernel has no IPv6.
const WITHOUT_IPV6 = `data:text/javascript,
  import { Server } from "node:net";
  const { listen } = Server.prototype;
  Server.prototype.listen = function (port, host, ...rest) {
    if (host !== "::") return listen.call(this, port, host, ...rest);
    const error = Object.assign(new Error("no IPv6"), { code: "EAFNOSUPPORT" });
    process.nextTick(() => this.emit("error", error));
    return this;
  };`;

function hostname(...preloaded: string[]): string {
  const imports = preloaded.flatMap((module) => ["--import", module]);
  const print = "process.stdout.write(process.env.HOSTNAME)";
  const env = { ...process.env, HOSTNAME: "frontend-7d4b9-x2x5p" };
  return execFileSync(process.execPath, [...imports, "-e", print], { env }).toString();
}

const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((address) => address?.family === "IPv6");

test("it listens on all addresses, whatever the container runtime says", { skip: !hasIpv6 }, () => {
  assert.equal(hostname(LISTEN), "::");
});

test("without IPv6 it listens on all addresses of IPv4", () => {
  assert.equal(hostname(WITHOUT_IPV6, LISTEN), "0.0.0.0");
});
