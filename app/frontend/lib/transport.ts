import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";

/*
 * Sets the HSTS header and redirects to HTTPS, before Next.js sees a request. Next.js's own headers
 * and redirects can't be used: the build writes them into the image. Nor can proxy.ts: there,
 * requests without the header X-Forwarded-Proto seem to have it with the value http.
 */

interface HttpEvent {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly server: Server;
}

const onRequest = (act: (event: HttpEvent) => void): void =>
  subscribe("http.server.request.start", (event) => act(event as HttpEvent));

/**
 * Sends the HSTS header: browsers use only HTTPS for so many seconds; 0 ends that. Subdomains are
 * not included: the host may be a whole domain, and its other names may belong to other apps.
 */
export function sendHsts(seconds: number): void {
  onRequest(({ response }) => {
    response.setHeader("Strict-Transport-Security", `max-age=${seconds}`);
  });
}

/** Redirects requests that reached the proxy without TLS to the same path with HTTPS. */
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

// Certificate authorities use HTTP for their challenges, and probes ask the pod, not the public
// name.
const NOT_REDIRECTED = /^\/(health|\.well-known\/acme-challenge)([/?]|$)/;

function httpsLocation({ url = "", headers }: IncomingMessage, origin: string) {
  if (headers["x-forwarded-proto"] !== "http") return undefined;
  // the request line may also contain a whole URL, or no path at all (OPTIONS *)
  const path = url.replace(/^[^/?]*:\/\/[^/?]*/, "").replace(/^(?!\/)/, "/");
  return NOT_REDIRECTED.test(path) ? undefined : origin + path;
}
