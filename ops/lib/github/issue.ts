/** Keeps one open issue for each report: it is opened, updated, and closed once nothing is wrong any more. */
import { apiOf, beginsWith, findInPages, markerIn, type Repository } from "./api.ts";

/** Only those who may triage can set a label. So nobody else's text is taken for the issue. */
const LABEL = "nightly";

interface Issue {
  readonly number: number;
  readonly body?: string | null;
  readonly html_url: string;
}

/** What was done; with the address of the issue unless there was none to close. */
export interface Written {
  readonly did: "opened" | "updated" | "closed" | "nothing";
  readonly url?: string;
}

/** The second line without its marks of Markdown. */
function titleOf(report: string): string {
  const [, title = ""] = report.split("\n");
  return title.replace(/^#+ /, "").replaceAll("`", "");
}

/**
 * Opens an issue with the report as its text, or updates the open one with the same marker.
 *
 * @param report its first line is the marker, and its second one the title
 * @param close whether nothing is wrong: the open issue gets the report as a comment, and is closed
 */
export async function writeIssue(
  repository: Repository,
  report: string,
  { close }: { readonly close: boolean },
): Promise<Written> {
  const marker = markerIn(report, "make --silent nightly");
  const call = apiOf(repository, "issues");
  const found = await findInPages<Issue>(call, `issues?state=open&labels=${LABEL}&`, ({ body }) =>
    beginsWith(body, marker),
  );
  const content = { title: titleOf(report), body: report };
  if (!found) {
    if (close) return { did: "nothing" };
    const opened = (await call("POST", "issues", { ...content, labels: [LABEL] })) as Issue;
    return { did: "opened", url: opened.html_url };
  }
  if (close) await call("POST", `issues/${found.number}/comments`, { body: report });
  await call("PATCH", `issues/${found.number}`, close ? { state: "closed" } : content);
  return { did: close ? "closed" : "updated", url: found.html_url };
}
