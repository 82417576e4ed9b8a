/** Writes a comment on a pull request through the API of GitHub: one for each marker, which is updated and not repeated. */
import { apiOf, beginsWith, findInPages, markerIn, type Repository } from "../github/api.ts";

/** The pull request, and how the API is reached. */
export interface PullRequest extends Repository {
  readonly number: number;
}

interface Comment {
  readonly id: number;
  readonly body?: string;
  readonly html_url: string;
  readonly user?: { readonly type: string } | null;
  readonly author_association?: string;
}

/**
 * Whether the comment is by a bot, or by somebody who may write to the repository. Anybody can write a comment with the marker;
 * they could edit what is written into it.
 */
const isTrusted = ({ user, author_association: association = "" }: Comment) =>
  user?.type === "Bot" || ["OWNER", "MEMBER", "COLLABORATOR"].includes(association);

/**
 * Creates the comment, or updates the one with the same marker.
 *
 * @returns its address, and which of both was done
 */
export async function writeComment(
  { number, ...repository }: PullRequest,
  body: string,
): Promise<{ readonly url: string; readonly updated: boolean }> {
  const marker = markerIn(body, "preview --markdown");
  const call = apiOf(repository, "pull-requests");
  const found = await findInPages<Comment>(
    call,
    `issues/${number}/comments?`,
    (comment) => beginsWith(comment.body, marker) && isTrusted(comment),
  );
  const written = found
    ? await call("PATCH", `issues/comments/${found.id}`, { body })
    : await call("POST", `issues/${number}/comments`, { body });
  return { url: (written as Comment).html_url, updated: found !== undefined };
}
