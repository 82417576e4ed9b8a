/** The body of an answer of the API; a failure becomes an error whose message is a sentence to show. */
export async function readAnswer<T>(response: Response): Promise<T> {
  if (!response.ok) throw new Error(await reason(response));
  return response.status === 204 ? (undefined as T) : response.json();
}

/** The API explains itself in `detail`; a proxy on the way may not. */
async function reason(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  if (body && typeof body === "object" && "detail" in body && typeof body.detail === "string") {
    return body.detail;
  }
  return `The server answered with status ${response.status}. Try again in a moment.`;
}

/** An answer in the form of the API's errors, from this service. */
export function problem(status: number, detail: string): Response {
  const headers = { "Cache-Control": "no-store" };
  return Response.json({ detail, errors: [] }, { status, headers });
}

/** For a handler that can't ask the database. */
export function accountsUnavailable(error: unknown): Response {
  console.error("Accounts are not available:", error);
  return problem(503, "Accounts are not available right now; try again in a moment");
}
