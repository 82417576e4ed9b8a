import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/** Set on every request by this app alone, in place of what a client may have sent under the name. */
export const CLIENT_ADDRESS = "x-client-address";
const THROUGH_PROXY = "x-through-proxy";

/** Headers by which a proxy tells whom it asks for. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "x-real-ip"];

/** Which header names the client, and how many proxies in front of this server are to be believed. */
export interface ProxyTrust {
  readonly header: string;
  readonly proxies: number;
}

/** Puts who is asking into each request's headers, before anything else reads them. */
export function nameClients({ header, proxies }: ProxyTrust): void {
  subscribe("http.server.request.start", (event) => {
    const { headers, socket } = (event as { request: IncomingMessage }).request;
    const address = clientAddress(String(headers[header] ?? ""), proxies, socket.remoteAddress);
    const throughProxy = [header, ...PROXY_HEADERS].some((name) => name in headers);
    for (const name of [CLIENT_ADDRESS, THROUGH_PROXY]) delete headers[name];
    if (address) headers[CLIENT_ADDRESS] = address;
    if (throughProxy) headers[THROUGH_PROXY] = "1";
  });
}

/**
 * Each proxy appends the address that asked it. With two of them the client's is the second from
 * the right; what stands further left is what the client claims. A request that has not passed all
 * of them, or whose header names no address there, counts as the peer's own.
 */
export function clientAddress(forwarded: string, proxies: number, peer?: string) {
  const hop = proxies === 0 ? undefined : forwarded.split(",").at(-proxies);
  return addressOf(hop ?? "") ?? peer;
}

/** Some proxies add the port. */
function addressOf(hop: string): string | undefined {
  const address = hop.trim().replace(/^\[(.*)\](:\d+)?$/, "$1");
  const withoutPort = address.replace(/^([\d.]+):\d+$/, "$1");
  return isIP(withoutPort) ? withoutPort : undefined;
}

/** Whether a proxy has passed the request on; probes ask the pod itself. */
export const cameThroughProxy = (headers: Headers): boolean => headers.has(THROUGH_PROXY);
