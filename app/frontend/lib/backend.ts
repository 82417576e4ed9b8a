import { context, propagation } from "@opentelemetry/api";
import { settings } from "@/lib/settings";

/** The address of a path of the API. */
export const backendUrl = (path: string): URL => new URL(path, settings().BACKEND_URL);

/** Headers that tie a call of the backend to the request it is made for, in logs and in traces. */
export function correlation(incoming: Headers): Record<string, string> {
  const headers: Record<string, string> = {};
  const requestId = incoming.get("x-request-id");
  if (requestId) headers["x-request-id"] = requestId;
  propagation.inject(context.active(), headers);
  return headers;
}
