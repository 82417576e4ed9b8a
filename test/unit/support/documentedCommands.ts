/** The commands of the documentation: what is in its blocks of shell, one by one, and which of them bear the mark ☁. */
import { readdirSync } from "node:fs";
import { read } from "./pages.ts";

/** For what needs a cloud or a program that no test has. README explains it. */
const MARK = "☁";

export interface Block {
  readonly page: string;
  /** The nearest heading above it. */
  readonly heading: string;
  /** The block as it is written. */
  readonly text: string;
  /** Whether the paragraph before it bears the mark. */
  readonly marked: boolean;
}

export interface Command {
  readonly page: string;
  readonly heading: string;
  /** The command in one line where it has no document in it, without its comment. */
  readonly text: string;
  /** Whether the block or the comment of the command bears the mark. */
  readonly marked: boolean;
}

/** README and the pages of docs. */
export const DOCUMENTED: readonly string[] = [
  "README.md",
  ...readdirSync(new URL("../../../docs", import.meta.url))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** The blocks of shell of a page. */
export function blocksOf(page: string): readonly Block[] {
  const text = read(page);
  return [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].map((match) => {
    const before = text.slice(0, match.index).trimEnd();
    const prose = before.replace(/^```[^]*?^```$/gm, "");
    const [, heading = ""] = [...prose.matchAll(/^#+ (.+)$/gm)].at(-1) ?? [];
    const marked = before.split("\n\n").at(-1)!.includes(MARK);
    return { page, heading, text: match[1]!, marked };
  });
}

/**
 * The blocks of shell that a page has below a heading, up to the next one.
 *
 * @throws Error where it has none
 */
export function blocksBelow(page: string, heading: string): readonly Block[] {
  const blocks = blocksOf(page).filter((block) => block.heading === heading);
  if (!blocks.length) throw new Error(`${page} has no commands below "${heading}"`);
  return blocks;
}

/** A piece of shell, and how many groups, quotes and substitutions it is in. */
interface Token {
  readonly text: string;
  readonly depth: number;
}

/** An escaped character, a text in single quotes, a here-document, a comment, and what opens, closes or ends something. */
const TOKEN =
  /\\[^]|'[^']*'|<<'?(\w+)'?\n[^]*?\n\1(?=\n)|(?<=^|\s)#[^\n]*|"|\$\(|&&|\|\||[;&(){}\n]|(?<=^|\n)for\b|\bdone\b(?=[\s;]|$)/y;
const IN_QUOTES = /\\[^]|"|\$\(/y;
const OPENS = ["(", "$(", "{", "for"];
const CLOSES = [")", "}", "done"];

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const open: string[] = [];
  for (let at = 0; at < text.length; at += tokens.at(-1)!.text.length) {
    const isQuoted = open.at(-1) === '"';
    const pattern = isQuoted ? IN_QUOTES : TOKEN;
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? text[at]!;
    tokens.push({ text: found, depth: open.length });
    if ((isQuoted && found === '"') || (!isQuoted && CLOSES.includes(found))) open.pop();
    else if (found === '"' || OPENS.includes(found)) open.push(found);
  }
  return tokens;
}

/** Splits where one of the separators is, outside of all groups. */
function split(tokens: readonly Token[], separators: readonly string[]): readonly Token[][] {
  const pieces: Token[][] = [[]];
  for (const token of tokens)
    if (token.depth === 0 && separators.includes(token.text)) pieces.push([]);
    else pieces.at(-1)!.push(token);
  return pieces;
}

const isComment = ({ text }: Token) => text.startsWith("#");
const textOf = (tokens: readonly Token[]) =>
  tokens
    .map(({ text }) => (text === "\\\n" ? " " : text))
    .join("")
    .replace(/[ \t]+/g, " ")
    .trim();

/** What changes only the shell itself: variables without a command in them, and the like. */
const isOfTheShell = (text: string) =>
  /^(set|umask|cd|exit|\.) /.test(text) ||
  /^(export )?\w+=("(?:[^"$]|\$(?!\())*"|'[^']*'|[^\s"'(]*)$/.test(text) ||
  text === "";

/** The commands of a block. A pipeline, a loop and a function are each one. */
export function commandsOf({ page, heading, text, marked }: Block): readonly Command[] {
  // A line that ends with a pipe or with `&&` goes on in the next.
  const joined = text.replace(/(\||&&)\n/g, "$1 ");
  let isMarked = marked;
  return split(tokensOf(joined), ["\n"]).flatMap((line) => {
    isMarked ||= line.some((token) => isComment(token) && token.text.includes(MARK));
    const code = line.filter((token) => !isComment(token));
    const found = split(code, ["&&", "||", ";", "&"])
      .map(textOf)
      .filter((each) => !isOfTheShell(each))
      .map((each) => ({ page, heading, text: each, marked: isMarked }));
    // A line with nothing but a comment speaks of the next one.
    if (code.length > 0) isMarked = marked;
    return found;
  });
}

/** Every command of the documentation. */
export const documentedCommands = (): readonly Command[] =>
  DOCUMENTED.flatMap(blocksOf).flatMap(commandsOf);
