/** The body of an API response. A failure throws an error with a message for the user. */
export async function readAnswer<T>(response: Response): Promise<T> {
  if (!response.ok) throw new Error(await reason(response));
  return response.status === 204 ? (undefined as T) : response.json();
}

/** The API explains errors in `detail`; a proxy in between may answer in another format. */
async function reason(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  if (body && typeof body === "object" && "detail" in body && typeof body.detail === "string") {
    return body.detail;
  }
  return `The server answered with status ${response.status}. Try again in a moment.`;
}

/** An error response of this service, in the format of the API's errors. */
export function problem(status: number, detail: string): Response {
  const headers = { "Cache-Control": "no-store" };
  return Response.json({ detail, errors: [] }, { status, headers });
}

/** The response of a handler if the database of the accounts does not answer. */
export function accountsUnavailable(error: unknown): Response {
  console.error("Accounts are not available:", error);
  return problem(503, "Accounts are not available right now; try again in a moment");
}
