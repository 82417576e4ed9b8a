import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";

/*
 * What holds for every answer, below Next.js: its own headers and redirects are frozen into the
 * image, and its proxy sees `X-Forwarded-Proto: http` on requests that came without the header.
 */

interface HttpEvent {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly server: Server;
}

const onRequest = (act: (event: HttpEvent) => void): void =>
  subscribe("http.server.request.start", (event) => act(event as HttpEvent));

/**
 * Browsers keep to HTTPS for so long; 0 makes them forget it. Not for subdomains: the host may be
 * a whole domain, whose other names are not this app's to decide about.
 */
export function sendHsts(seconds: number): void {
  onRequest(({ response }) => {
    response.setHeader("Strict-Transport-Security", `max-age=${seconds}`);
  });
}

/** Leads what reached the proxy in front of this server without TLS to the same address with it. */
export function redirectToHttps(origin: string): void {
  const known = new WeakSet<Server>();
  onRequest(({ server }) => {
    if (known.has(server)) return;
    known.add(server);
    const [handle] = server.listeners("request") as RequestListener[];
    server.removeAllListeners("request");
    server.on("request", (request, response) => {
      const location = httpsLocation(request, origin);
      if (location) response.writeHead(308, { Location: location }).end();
      else handle?.call(server, request, response);
    });
  });
}

// certificate authorities ask over HTTP, and probes ask the pod, not the public name
const AS_IT_IS = /^\/(health|\.well-known\/acme-challenge)([/?]|$)/;

function httpsLocation({ url = "", headers }: IncomingMessage, origin: string) {
  if (headers["x-forwarded-proto"] !== "http") return undefined;
  // a request may also name a whole URL, or no path at all
  const path = url.replace(/^[^/?]*:\/\/[^/?]*/, "").replace(/^(?!\/)/, "/");
  return AS_IT_IS.test(path) ? undefined : origin + path;
}
