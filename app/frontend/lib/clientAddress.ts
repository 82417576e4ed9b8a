import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/**
 * The header that names the client. This app sets it on every request, and removes what a client
 * sent.
 */
export const CLIENT_ADDRESS = "x-client-address";
const THROUGH_PROXY = "x-through-proxy";

/** Headers in which proxies name the client. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "x-real-ip"];

/** Which header names the client, and how many proxies in front of this server are trusted. */
export interface ProxyTrust {
  readonly header: string;
  readonly proxies: number;
}

/**
 * Writes the client's address into the headers of each request, before anything else reads them.
 */
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
 * Each proxy appends the address of its own client. With two trusted proxies, the client's address
 * is the second from the right; anything further left was sent by the client and may be forged. If
 * the header has no address in that place, the address of the connection counts.
 */
export function clientAddress(forwarded: string, proxies: number, peer?: string) {
  const hop = proxies === 0 ? undefined : forwarded.split(",").at(-proxies);
  return addressOf(hop ?? "") ?? peer;
}

/** The address without the port, which some proxies add. */
function addressOf(hop: string): string | undefined {
  const address = hop.trim().replace(/^\[(.*)\](:\d+)?$/, "$1");
  const withoutPort = address.replace(/^([\d.]+):\d+$/, "$1");
  return isIP(withoutPort) ? withoutPort : undefined;
}

/** Whether the request came through a proxy; probes ask the pod directly. */
export const cameThroughProxy = (headers: Headers): boolean => headers.has(THROUGH_PROXY);
