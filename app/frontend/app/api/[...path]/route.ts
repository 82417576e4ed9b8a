import { problem } from "@/lib/answer";
import { backendUrl, correlation } from "@/lib/backend";

/*
 * Forwards /api to the backend, so that the app also works without an ingress that routes by path:
 * through a port-forward or a NodePort. A rewrite in next.config.ts would not do, because the build
 * would write the backend's address into the image.
 */

const HEADERS_TIMEOUT_MS = 30_000;

// Headers that belong to a single connection, or that fetch sets itself.
const NOT_FORWARDED = [
  "accept-encoding",
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

async function forward(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const target = backendUrl(pathname + search);
  // the timeout covers the time until the headers; the body may be a long stream
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), HEADERS_TIMEOUT_MS);
  const init: RequestInit & { duplex: "half" } = {
    method: request.method,
    headers: requestHeaders(request.headers),
    body: request.body,
    duplex: "half",
    redirect: "manual",
    cache: "no-store",
    signal: AbortSignal.any([request.signal, deadline.signal]),
  };
  try {
    const { body, status, headers } = await fetch(target, init);
    return new Response(body, { status, headers: responseHeaders(headers) });
  } catch (error) {
    if (!request.signal.aborted) console.error(`No answer from ${target.origin}:`, error);
    return problem(502, "The backend is not reachable right now; try again in a moment");
  } finally {
    clearTimeout(timer);
  }
}

function requestHeaders(incoming: Headers): Headers {
  // The session cookie must not leave this service: the backend identifies users by their token.
  // X-Forwarded-Proto is left out because Next.js sets it to http if no proxy has set it, and the
  // backend would then redirect the request to HTTPS.
  const headers = without(incoming, [...NOT_FORWARDED, "cookie", "x-forwarded-proto"]);
  for (const [name, value] of Object.entries(correlation(incoming))) headers.set(name, value);
  return headers;
}

function responseHeaders(answer: Headers): Headers {
  // fetch has already decoded the body; this service sets the other two headers itself
  const own = ["strict-transport-security", "x-request-id"];
  return without(answer, [...NOT_FORWARDED, "content-encoding", ...own]);
}

function without(headers: Headers, names: readonly string[]): Headers {
  const kept = new Headers(headers);
  for (const name of names) kept.delete(name);
  return kept;
}

export {
  forward as DELETE,
  forward as GET,
  forward as HEAD,
  forward as OPTIONS,
  forward as PATCH,
  forward as POST,
  forward as PUT,
};
