/** Calls the API of GitHub for a repository. */
import { OperatorError } from "../errors.ts";

/** A repository, and how the API is reached. */
export interface Repository {
  /** `owner/name` */
  readonly repository: string;
  /** Base of the API's addresses. */
  readonly api: string;
  readonly token: string;
}

/** What a token must be allowed to write, as `permissions` of GitHub Actions names it. */
export type Permission = "issues" | "pull-requests";

const TIMEOUT_MS = 10_000;

/** Whether a text can be `owner/name`. */
export const isRepository = (text: string) => /^[\w.-]+\/[\w.-]+$/.test(text);

/**
 * The repository, with the API and the token that the environment names.
 *
 * @throws OperatorError where there is no token
 */
export function repositoryOf(repository: string, permission: Permission): Repository {
  const { GITHUB_TOKEN: token, GITHUB_API_URL: api = "https://api.github.com" } = process.env;
  if (!token)
    throw new OperatorError(
      "GITHUB_TOKEN is not set",
      `set it to a token that may write to ${permission.replace("-", " ")}; in GitHub Actions: GITHUB_TOKEN: \${{ github.token }}`,
    );
  return { repository, api, token };
}

/** What to do about an answer of the API. */
function fixFor(status: number, repository: string, permission: Permission): string {
  const named = permission.replace("-", " ");
  if (status === 401) return "set GITHUB_TOKEN to a token that is valid";
  if (status === 403)
    return `the token must be allowed to write to ${named} of ${repository}: permissions: ${permission}: write`;
  if (status === 404)
    return `check that ${repository} has that ${named.replace(/s$/, "")}, and that the token may read it`;
  return "run the command again; https://www.githubstatus.com shows whether GitHub has a problem";
}

/** Makes a function that calls the API. A body is sent as JSON; the answer is what it has as JSON. */
export const apiOf =
  ({ api, token, repository }: Repository, permission: Permission) =>
  async (method: string, path: string, body?: object): Promise<unknown> => {
    const url = `${api}/repos/${repository}/${path}`;
    let answer: Response;
    try {
      answer = await fetch(url, {
        method,
        headers: {
          Accept: "application/vnd.github+json",
          Authorization: `Bearer ${token}`,
          "X-GitHub-Api-Version": "2022-11-28",
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      const { message, cause } = error as Error;
      const reason = cause instanceof Error ? cause.message : message;
      throw new OperatorError(
        `${method} ${url} failed: ${reason}`,
        fixFor(0, repository, permission),
      );
    }
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text) as unknown;
    throw new OperatorError(
      `${method} ${url}: ${answer.status} ${text.slice(0, 200)}`,
      fixFor(answer.status, repository, permission),
    );
  };

const PAGE = 100;

/** The first item of a list of the API that is wanted. @param path with a query, to which the page is added */
export async function findInPages<T>(
  call: ReturnType<typeof apiOf>,
  path: string,
  isWanted: (item: T) => boolean,
): Promise<T | undefined> {
  for (let page = 1; ; page += 1) {
    const items = (await call("GET", `${path}per_page=${PAGE}&page=${page}`)) as readonly T[];
    const found = items.find(isWanted);
    if (found || items.length < PAGE) return found;
  }
}

/** The first line of a text that can be found again. */
const MARKER = /^<!-- .+ -->$/;

/** The marker of a text. @throws OperatorError where it has none */
export function markerIn(text: string, source: string): string {
  const [first = ""] = text.split("\n");
  if (MARKER.test(first)) return first;
  throw new OperatorError(
    "the text on standard input has no marker as its first line, by which it could be found again",
    `pipe the output of ${source} into it`,
  );
}

/** Whether a text on GitHub begins with the marker. GitHub may have changed the ends of its lines. */
export const beginsWith = (text: string | null | undefined, marker: string) =>
  text?.split(/\r?\n/)[0] === marker;
