/** Every command of the documentation is run by a test, or bears the mark ☁ for what needs a cloud or a program that no test has. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { documentedCommands, commandsOf, type Command } from "./support/documentedCommands.ts";
import { READ, RUN } from "./support/executedCommands.ts";
import { read } from "./support/pages.ts";

const commands = documentedCommands();
const isRead = ({ page, heading }: Command) =>
  READ.some(([readPage, readHeading]) => page === readPage && heading === readHeading);
const isRun = ({ text }: Command) => RUN.some(([pattern]) => pattern.test(text));

/** What is missing in the test that is named for a command. */
function missingIn(test: string, words: readonly string[]): readonly string[] {
  if (!existsSync(fileURLToPath(new URL(`../../${test}`, import.meta.url))))
    return [`${test} is missing`];
  const text = read(test);
  return words.filter((each) => !text.includes(each)).map((each) => `${test}: no ${each}`);
}

const parse = (text: string) =>
  commandsOf({ page: "page", heading: "heading", text, marked: false });
const textsOf = (text: string) => parse(text).map((each) => each.text);

describe("the commands of the documentation", () => {
  it("are each run by a test, or marked", () => {
    assert.ok(commands.length > 200);
    assert.deepEqual(
      commands
        .filter((command) => !command.marked && !isRead(command) && !isRun(command))
        .map(({ page, heading, text }) => `${page}, ${heading}: ${text}`),
      [],
    );
  });

  it("are in the tests that are named for them", () => {
    assert.deepEqual(
      [
        ...READ.flatMap(([page, heading, test]) => missingIn(test, [page, heading])),
        ...RUN.flatMap(([, test, words]) => missingIn(test, [words])),
      ],
      [],
    );
  });

  it("are those for which there are tests", () => {
    for (const [page, heading] of READ)
      assert.ok(
        commands.some((command) => command.page === page && command.heading === heading),
        `${page} has no commands in "${heading}"`,
      );
    for (const [pattern] of RUN)
      assert.ok(
        commands.some(
          (command) => !command.marked && !isRead(command) && pattern.test(command.text),
        ),
        `no command needs ${pattern.source}`,
      );
  });

  it("have a mark that README explains", () => {
    assert.match(read("README.md"), /^☁ /m);
    assert.ok(commands.filter(({ marked }) => marked).length > 20);
  });
});

describe("a block of commands", () => {
  it("is split at lines and lists, not in pipelines, continued lines, quotes and groups", () => {
    assert.deepEqual(
      textsOf(
        "one 'a\nb' | two \\\n  three && four; five || six &\n" +
          'seven "$(eight "nine; ten")" |\n  eleven\n(a && b)\nfor x in y; do\n  z\ndone\nf() { g; }\n',
      ),
      [
        ...[
          "one 'a\nb' | two three",
          "four",
          "five",
          "six",
          'seven "$(eight "nine; ten")" | eleven',
        ],
        ...["(a && b)", "for x in y; do\n z\ndone", "f() { g; }"],
      ],
    );
  });

  it("has documents, comments, and what changes only the shell", () => {
    assert.deepEqual(
      textsOf(
        "# why\ncat <<'END'\nno; command\nEND\na=1\nexport B=\"$HOME\"\numask 077\nc=$(date)\nD=1 e\n",
      ),
      ["cat <<'END'\nno; command\nEND", "c=$(date)", "D=1 e"],
    );
  });

  it("is marked command by command, in its line or in the line before", () => {
    const marks = parse("a # ☁\nb\n# ☁ for c\nc && d\ne\n").map(({ marked }) => marked);
    assert.deepEqual(marks, [true, false, true, true, false]);
  });
});
