import { backendUrl } from "@/lib/settings";

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
  const target = new URL(pathname + search, backendUrl());
  // only the wait for an answer is limited; the answer itself may be a long stream
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), HEADERS_TIMEOUT_MS);
  const init: RequestInit & { duplex: "half" } = {
    method: request.method,
    headers: withoutNotForwarded(request.headers),
    body: request.body,
    duplex: "half",
    redirect: "manual",
    cache: "no-store",
    signal: AbortSignal.any([request.signal, deadline.signal]),
  };
  try {
    const { body, status, headers } = await fetch(target, init);
    return new Response(body, { status, headers: withoutNotForwarded(headers) });
  } catch (error) {
    if (!request.signal.aborted) console.error(`No answer from ${target.origin}:`, error);
    return Response.json(
      { detail: "The backend is not reachable right now; try again in a moment", errors: [] },
      { status: 502 },
    );
  } finally {
    clearTimeout(timer);
  }
}

function withoutNotForwarded(headers: Headers): Headers {
  const kept = new Headers(headers);
  for (const name of NOT_FORWARDED) kept.delete(name);
  // fetch has decoded the body already
  kept.delete("content-encoding");
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
