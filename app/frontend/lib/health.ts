import { cameThroughProxy } from "@/lib/clientAddress";

/** Answers probes with this, and the public as if there were nothing. */
export const answerProbes =
  (content: object) =>
  (request: Request): Response =>
    cameThroughProxy(request.headers)
      ? new Response("Not Found", { status: 404, headers: { "Cache-Control": "no-store" } })
      : Response.json(content);
