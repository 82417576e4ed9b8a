import { context, propagation } from "@opentelemetry/api";
import { settings } from "@/lib/settings";

/** The URL of a path of the API. */
export const backendUrl = (path: string): URL => new URL(path, settings().BACKEND_URL);

/** Headers that connect a call of the backend with the incoming request, in logs and in traces. */
export function correlation(incoming: Headers): Record<string, string> {
  const headers: Record<string, string> = {};
  const requestId = incoming.get("x-request-id");
  if (requestId) headers["x-request-id"] = requestId;
  propagation.inject(context.active(), headers);
  return headers;
}
