/** `make comment`: writes a comment on a pull request, or updates the one that was written before. */
import { text } from "node:stream/consumers";
import { command } from "./lib/command.ts";
import { OperatorError } from "./lib/errors.ts";
import { isRepository, repositoryOf } from "./lib/github/api.ts";
import { writeComment } from "./lib/review/github.ts";

const EXAMPLE = "make comment REPOSITORY=acme/todo-app NUMBER=12 < preview.md";

await command(
  {
    name: "comment",
    summary:
      "Writes the text on standard input as a comment on a pull request of GitHub. A comment whose first line is the same marker is " +
      "updated instead. GITHUB_TOKEN in the environment may write to pull requests; GITHUB_API_URL is the base of the API where " +
      "that is not https://api.github.com.",
    usage: ["<owner/repository>", "<number>"],
    example: EXAMPLE,
  },
  async ({ args: [repository = "", number = ""] }) => {
    if (!isRepository(repository) || !/^[1-9]\d*$/.test(number))
      throw new OperatorError(
        `"${repository}" and "${number}" are no repository and number of a pull request`,
        `name both, as in: ${EXAMPLE}`,
      );
    const request = { ...repositoryOf(repository, "pull-requests"), number: Number(number) };
    const { url, updated } = await writeComment(request, await text(process.stdin));
    process.stdout.write(`${updated ? "updated" : "created"} ${url}\n`);
  },
);
