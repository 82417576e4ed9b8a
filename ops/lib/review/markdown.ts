/** Writes a review as the comment of a pull request. */
import type { Plan } from "../engine/plan.ts";
import { cut } from "../output.ts";
import type { Field, Review } from "./review.ts";

/** The longest comment that GitHub takes. It counts characters, of which there are no more than bytes. */
export const LONGEST_COMMENT = 65_536;
/** Room for the line that says what is left out. */
const RESERVE = 256;
/** A longer value is cut. */
const LONGEST_VALUE = 120;
/** A longer error is cut; together, errors leave room for the changes. */
const LONGEST_ERROR = 4_000;
const MOST_ERRORS = 10;

/** What the engine sends for a value that is not known before the deploy. */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** The line by which a pipeline finds the comment of a stage, to update it. */
export const markerOf = (stage: string) => `<!-- todo-app preview: ${stage} -->`;

/** More backticks than the text has in a row, so that nothing in it is taken for Markdown. */
function fence(text: string, least: number): string {
  const runs = text.match(/`+/g) ?? [];
  return "`".repeat(Math.max(least, ...runs.map(({ length }) => length + 1)));
}

/** Text as code within a line. */
export function code(text: string): string {
  const ticks = fence(text, 1);
  const padding = ticks.length > 1 ? " " : "";
  return `${ticks}${padding}${text}${padding}${ticks}`;
}

/** Text as a block of its own. */
export function block(text: string): string {
  const ticks = fence(text, 3);
  return `${ticks}text\n${text}\n${ticks}\n`;
}

function valueText(value: unknown): string {
  if (value === undefined || value === null) return "not set";
  if (value === UNKNOWN) return "known at the deploy";
  const isPlain = typeof value === "string" && value !== "" && !/\s/.test(value);
  return code(cut(isPlain ? value : JSON.stringify(value), LONGEST_VALUE));
}

const fieldText = ({ path, values }: Field) =>
  `- ${code(path)}: ${values ? values.map(valueText).join(" → ") : "changes, values not shown"}\n`;

function countsText({ summary }: Plan): string {
  return Object.entries(summary)
    .filter(([operation, count]) => operation !== "same" && count > 0)
    .map(([operation, count]) => `${count} to ${operation}`)
    .join(", ");
}

function titleOf({ plan, errors }: Review): string {
  const title = `### Preview of ${code(plan.stage)}: `;
  const counts = countsText(plan);
  if (errors.length) return `${title}failed${counts && `, after ${counts}`}\n`;
  if (!counts) return `${title}nothing changes in ${plan.summary.same} resources\n`;
  return `${title}${counts}, ${plan.summary.same} unchanged\n`;
}

function listed(title: string, texts: readonly string[]): string {
  const shown = texts.slice(0, MOST_ERRORS).map((text) => block(cut(text, LONGEST_ERROR)));
  const more = texts.length - shown.length;
  if (!shown.length) return "";
  return `\n**${title}**\n\n${shown.join("\n")}${more > 0 ? `\n… and ${more} more\n` : ""}`;
}

/** A block for each resource: a line, or a list of fields to open. */
function changeText({ plan, fields }: Review): readonly string[] {
  const changes = plan.changes.map(({ operation, kind, name, urn }) => ({
    what: `${operation} ${kind} ${name}`,
    list: fields.get(urn) ?? [],
  }));
  const lines = changes.filter(({ list }) => !list.length).map(({ what }) => `- ${code(what)}\n`);
  const details = changes
    .filter(({ list }) => list.length)
    .map(({ what, list }) => {
      const count = list.length === 1 ? "1 field" : `${list.length} fields`;
      return `\n<details><summary>${what}: ${count}</summary>\n\n${list.map(fieldText).join("")}\n</details>\n`;
    });
  return [...lines, ...details];
}

/** The comment. It fits into what GitHub takes; what does not fit is counted. */
export function commentOf(review: Review): string {
  const head =
    `${markerOf(review.plan.stage)}\n${titleOf(review)}` +
    listed("Errors", review.errors) +
    listed("Warnings", review.warnings);
  const blocks = changeText(review);
  const most = LONGEST_COMMENT - RESERVE;
  let text = head + (blocks.length ? "\n" : "");
  for (const [index, next] of blocks.entries()) {
    if (Buffer.byteLength(text) + Buffer.byteLength(next) > most)
      return `${text}\n… and ${blocks.length - index} more resources: ${code(`make preview STAGE=${review.plan.stage}`)} shows all\n`;
    text += next;
  }
  return text;
}
