import { problem } from "@/lib/answer";
import { backendUrl, correlation } from "@/lib/backend";

/*
 * Passes /api on to the backend, so that the app also works where no ingress routes by path:
 * through a port-forward or a NodePort. A rewrite in next.config would freeze the address into
 * the image.
 */

const HEADERS_TIMEOUT_MS = 30_000;

// Headers that belong to one connection, or that fetch sets by itself.
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
  // only the wait for an answer is limited; the answer itself may be a long stream
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
  // the backend knows people by their token, so that no session cookie leaves this service; how a
  // request came to it is a matter of this one, where Next.js says http when no proxy says anything
  const headers = without(incoming, [...NOT_FORWARDED, "cookie", "x-forwarded-proto"]);
  for (const [name, value] of Object.entries(correlation(incoming))) headers.set(name, value);
  return headers;
}

function responseHeaders(answer: Headers): Headers {
  // fetch has decoded the body already, and the others are on every answer of this service
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
