import { lookup } from "node:dns/promises";
import { settings } from "@/lib/settings";

/*
 * During a rolling update, a page of one version may request its scripts from a pod of the other
 * version. next.config.ts rewrites requests for assets that this pod does not have to this route,
 * which asks the other pods. If PEER_URL is a headless Service, it asks each of them. Otherwise it
 * asks the Service a few times, which picks a pod each time.
 */

const ATTEMPTS = 6;
const TIMEOUT_MS = 1_000;
/** Marks requests between pods: a pod that is asked by another does not ask further pods. */
const FROM_PEER = "x-from-peer";
const KEPT_HEADERS = ["cache-control", "content-type", "etag", "last-modified"];

export async function GET(request: Request, { params }: RouteContext<"/peer-assets/[...path]">) {
  const { PEER_URL } = settings();
  if (PEER_URL && !request.headers.has(FROM_PEER)) {
    const path = (await params).path.map(encodeURIComponent).join("/");
    for (const peer of await peers(new URL(PEER_URL))) {
      const asset = await ask(new URL(`/_next/static/${path}`, peer));
      if (asset) return asset;
    }
  }
  return new Response("Not Found", { status: 404, headers: { "Cache-Control": "no-store" } });
}

async function peers(service: URL): Promise<string[]> {
  const found = await lookup(service.hostname, { all: true }).catch(() => []);
  const urls = found.map(({ address, family }) => {
    const host = family === 6 ? `[${address}]` : address;
    return `${service.protocol}//${host}:${service.port || 80}`;
  });
  return urls.length === 1 ? Array<string>(ATTEMPTS).fill(urls[0]!) : urls;
}

async function ask(url: URL): Promise<Response | null> {
  // a new connection each time, because a Service picks a pod per connection, not per request
  const headers = { [FROM_PEER]: "1", connection: "close" };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await fetch(url, { headers, signal, cache: "no-store" }).catch(() => null);
  if (!answer?.ok) return null;
  const kept = [...answer.headers].filter(([name]) => KEPT_HEADERS.includes(name));
  return new Response(answer.body, { headers: kept });
}
