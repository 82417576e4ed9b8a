/** `make issue`: opens an issue with a report, updates it, or closes it. */
import { text } from "node:stream/consumers";
import { command } from "./lib/command.ts";
import { OperatorError } from "./lib/errors.ts";
import { isRepository, repositoryOf } from "./lib/github/api.ts";
import { writeIssue } from "./lib/github/issue.ts";

const EXAMPLE = "make issue REPOSITORY=acme/todo-app < report.md";

await command(
  {
    name: "issue",
    summary:
      "Opens an issue of GitHub with the report on standard input, or updates the open one whose first line is the same marker. " +
      "GITHUB_TOKEN in the environment may write to issues; GITHUB_API_URL is the base of the API where that is not " +
      "https://api.github.com.",
    usage: ["<owner/repository>"],
    example: EXAMPLE,
    options: { close: "close the open issue, with the report as its last comment" },
  },
  async ({ args: [repository = ""], options }) => {
    if (!isRepository(repository))
      throw new OperatorError(`"${repository}" is no repository`, `name one, as in: ${EXAMPLE}`);
    const report = await text(process.stdin);
    const { did, url } = await writeIssue(repositoryOf(repository, "issues"), report, options);
    process.stdout.write(url ? `${did} ${url}\n` : "no issue was open\n");
  },
);
