/** Gets the token by which GitHub Actions says which repository, branch and environment a job runs for. */
import { OperatorError } from "../errors.ts";

const TIMEOUT_MS = 10_000;

/**
 * Asks GitHub for a token, which is valid for five minutes.
 *
 * @param audience for whom it is: whoever receives it refuses a token that is for others
 */
export async function idToken(audience: string): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: secret } = process.env;
  if (!url || !secret)
    throw new OperatorError(
      "there is no token of GitHub Actions to be had: ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set",
      "run it in a job of GitHub Actions that has permissions: id-token: write",
    );
  try {
    const answer = await fetch(`${url}&audience=${encodeURIComponent(audience)}`, {
      headers: { Authorization: `Bearer ${secret}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok) throw new Error(`${answer.status} ${(await answer.text()).slice(0, 200)}`);
    return ((await answer.json()) as { readonly value: string }).value;
  } catch (error) {
    throw new OperatorError(
      `GitHub gave no token for "${audience}": ${(error as Error).message}`,
      "run the job again; https://www.githubstatus.com shows whether GitHub has a problem",
    );
  }
}
