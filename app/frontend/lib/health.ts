import { cameThroughProxy } from "@/lib/clientAddress";

/** Answers probes with `content`, and requests that came through a proxy with 404. */
export const answerProbes =
  (content: object) =>
  (request: Request): Response =>
    cameThroughProxy(request.headers)
      ? new Response("Not Found", { status: 404, headers: { "Cache-Control": "no-store" } })
      : Response.json(content);
