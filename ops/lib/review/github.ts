/** Writes a comment on a pull request through the API of GitHub: one for each marker, which is updated and not repeated. */
import { OperatorError } from "../errors.ts";

/** The pull request, and how the API is reached. */
export interface PullRequest {
  /** `owner/name` */
  readonly repository: string;
  readonly number: number;
  /** Base of the API's addresses. */
  readonly api: string;
  readonly token: string;
}

interface Comment {
  readonly id: number;
  readonly body?: string;
  readonly html_url: string;
}

const PAGE = 100;
const TIMEOUT_MS = 10_000;

/** The first line of a comment that can be found again. */
const MARKER = /^<!-- .+ -->$/;

/** The marker of a comment. @throws OperatorError where it has none */
export function markerIn(body: string): string {
  const [first = ""] = body.split("\n");
  if (MARKER.test(first)) return first;
  throw new OperatorError(
    "the comment on standard input has no marker as its first line, by which it could be found again",
    "pipe the output of preview --markdown into it",
  );
}

/** What to do about an answer of the API. */
function fixFor(status: number, repository: string): string {
  if (status === 401) return "set GITHUB_TOKEN to a token that is valid";
  if (status === 403)
    return `the token must be allowed to write to pull requests of ${repository}: permissions: pull-requests: write`;
  if (status === 404)
    return `check that ${repository} has that pull request, and that the token may read it`;
  return "run the command again; https://www.githubstatus.com shows whether GitHub has a problem";
}

async function call(
  { api, token, repository }: PullRequest,
  method: string,
  path: string,
  body?: string,
) {
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
      body: body === undefined ? undefined : JSON.stringify({ body }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    const { message, cause } = error as Error;
    const reason = cause instanceof Error ? cause.message : message;
    throw new OperatorError(`${method} ${url} failed: ${reason}`, fixFor(0, repository));
  }
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text) as unknown;
  throw new OperatorError(
    `${method} ${url}: ${answer.status} ${text.slice(0, 200)}`,
    fixFor(answer.status, repository),
  );
}

/** The comment that begins with the marker; undefined where there is none. */
async function find(request: PullRequest, marker: string): Promise<Comment | undefined> {
  for (let page = 1; ; page += 1) {
    const path = `issues/${request.number}/comments?per_page=${PAGE}&page=${page}`;
    const comments = (await call(request, "GET", path)) as readonly Comment[];
    const found = comments.find(({ body }) => body?.split(/\r?\n/)[0] === marker);
    if (found || comments.length < PAGE) return found;
  }
}

/**
 * Creates the comment, or updates the one with the same marker.
 *
 * @returns its address, and which of both was done
 */
export async function writeComment(
  request: PullRequest,
  body: string,
): Promise<{ readonly url: string; readonly updated: boolean }> {
  const found = await find(request, markerIn(body));
  const written = found
    ? await call(request, "PATCH", `issues/comments/${found.id}`, body)
    : await call(request, "POST", `issues/${request.number}/comments`, body);
  return { url: (written as Comment).html_url, updated: found !== undefined };
}
