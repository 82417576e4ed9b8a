/**
 * Shows what the engine does. Each resource gets a line when it is done. A terminal also lists below what is under way, each with
 * its last message and the time since it began. A pipe gets a line in advance for what takes longer. The rest goes to a log.
 */
import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import type { EngineEvent, OpMap } from "@pulumi/pulumi/automation/index.js";
import { progress } from "../output.ts";
import { stateFolder } from "../state/folder.ts";

/** Where the display goes: a terminal, or a pipe. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

interface UnderWay {
  readonly what: string;
  readonly doing: string;
  readonly since: number;
  announced: boolean;
  /** The engine's last message about it, such as the step of a build. */
  word: string;
}

/** Whether what is shown has happened, or is only planned. */
export type Tense = "done" | "planned";

interface Operation {
  readonly sign: string;
  readonly doing: string;
  readonly done: string;
  readonly planned: string;
}

const operation = (sign: string, doing: string, done: string, planned: string): Operation => ({
  sign,
  doing,
  done,
  planned,
});

/** What an operation is called while it lasts, and afterwards. Operations that are not here change nothing in the cluster. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  create: operation("+", "creating", "created", "to create"),
  "create-replacement": operation(
    "+",
    "creating replacement",
    "created replacement",
    "to create as replacement",
  ),
  update: operation("~", "updating", "updated", "to update"),
  delete: operation("-", "deleting", "deleted", "to delete"),
  "delete-replaced": operation(
    "-",
    "deleting original",
    "deleted original",
    "to delete as replaced",
  ),
  import: operation("=", "importing", "imported", "to import"),
};
/** What the summary at the end counts. */
const SUMMARY: Readonly<Record<string, Omit<Operation, "doing">>> = {
  ...OPERATIONS,
  replace: { sign: " ", done: "replaced", planned: "to replace" },
  same: { sign: " ", done: "unchanged", planned: "unchanged" },
};
/** The engine counts the creation and the deletion of a replacement as one `replace`. */
export const COUNTED = ["create", "update", "replace", "delete", "import", "same"] as const;

/** The engine repeats which plugins it uses; the commands have shown that before. */
export const SAID_ELSEWHERE = /^using pulumi-\S+ from \$PATH at /;
/** An operation that lasts longer is announced, unless a terminal lists what is under way. */
const ANNOUNCED_AFTER_MS = 400;
const TICK_MS = 200;
const LOG_LINES = 15;
const CLEAR_BELOW = "\u001b[J";
const up = (lines: number) => (lines ? `\u001b[${lines}A\r` : "");

/** `Deployment backend` of `urn:pulumi:dev::todo-app::…$kubernetes:apps/v1:Deployment::backend`. */
export function resourceOf(urn: string): { kind: string; name: string } {
  const [, , types = "", name = ""] = urn.split("::");
  return { kind: types.split("$").at(-1)!.split(":").at(-1)!, name };
}

/** A message without the engine's mark-up of colours. */
export const plain = (message: string) =>
  // eslint-disable-next-line no-control-regex -- the escape sequences of a terminal
  message.replace(/<\{%[^%]*%\}>|\u001b\[[0-9;]*m/g, "");

/** What a broken rule of a policy pack says. Its description comes first; what is wrong is the last line. */
export function violationText({
  resourceUrn,
  policyName,
  message,
}: Pick<
  NonNullable<EngineEvent["policyEvent"]>,
  "resourceUrn" | "policyName" | "message"
>): string {
  const { kind, name } = resourceOf(resourceUrn ?? "");
  return `policy ${policyName}: ${kind} ${name}: ${plain(message).trim().split("\n").at(-1)!}`;
}

/** Whether a resource gets a line. An operator does not wait for providers and components. */
const isShown = (urn: string) => !/[:$](pulumi:|todo-app:)[^$]*$/.test(`:${urn.split("::")[2]}`);

const seconds = (since: number) => `${Math.round((Date.now() - since) / 1000)}s`;

interface Options {
  /** @default "done" */
  readonly tense?: Tense;
  /** @default where progress goes */
  readonly screen?: Screen;
}

export class Display {
  /** Holds the full output of the engine, with that of builds. */
  private readonly logFile: string;
  private readonly errors: string[] = [];
  private changes: OpMap = {};
  private readonly underWay = new Map<string, UnderWay>();
  private readonly failed = new Set<string>();
  private readonly tense: Tense;
  private readonly screen: Screen;
  private readonly log: WriteStream;
  private readonly builds = new Map<string, string[]>();
  private readonly timer: NodeJS.Timeout;
  private drawn = 0;
  private closed = false;

  constructor(
    stage: string,
    operation: string,
    { tense = "done", screen = progress }: Options = {},
  ) {
    const folder = join(stateFolder(), "logs");
    mkdirSync(folder, { recursive: true });
    this.logFile = join(folder, `${operation}-${stage.replaceAll("/", "-")}.log`);
    this.log = createWriteStream(this.logFile, { mode: 0o600 });
    // An error of the log, such as a full disk, must not end the deploy.
    this.log.once("error", ({ message }) => {
      this.log.on("error", () => {});
      if (!this.closed) this.screen.write(`  warning: the log can't be written: ${message}\n`);
    });
    this.tense = tense;
    this.screen = screen;
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  readonly onEvent = (event: EngineEvent): void => {
    if (this.closed) return; // the last events of an engine that was killed may come late
    const { resourcePreEvent, resOutputsEvent, resOpFailedEvent, summaryEvent } = event;
    if (event.diagnosticEvent) this.diagnostic(event.diagnosticEvent);
    if (event.policyEvent) this.violation(event.policyEvent);
    if (resourcePreEvent) this.begin(resourcePreEvent.metadata.urn, resourcePreEvent.metadata.op);
    if (resOutputsEvent) this.end(resOutputsEvent.metadata.urn, resOutputsEvent.metadata.op);
    if (resOpFailedEvent)
      this.end(resOpFailedEvent.metadata.urn, resOpFailedEvent.metadata.op, true);
    if (summaryEvent) this.changes = summaryEvent.resourceChanges;
  };

  /** Shows a line that stays. */
  say(text: string): void {
    this.erase();
    this.log.write(`${text}\n`);
    this.screen.write(`  ${text}\n`);
    this.draw();
  }

  /** Ends the display with a summary, and clears what a terminal lists as under way. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.timer);
    this.erase();
    const counts = COUNTED.flatMap((op) => {
      const { sign, [this.tense]: what } = SUMMARY[op]!;
      return this.changes[op] ? [`    ${sign} ${this.changes[op]} ${what}`] : [];
    });
    const summary = counts.length ? `Resources:\n${counts.join("\n")}\n` : "";
    if (summary) this.screen.write(summary);
    this.log.end(summary);
  }

  /**
   * Shows each of the engine's errors once, the last lines of a build that failed, and the name of the log.
   *
   * @param complaint what to show where no event reported an error
   */
  showErrors(complaint = ""): void {
    const errors = this.errors.length || !complaint ? this.errors : [complaint];
    for (const text of new Set(errors)) this.screen.write(`\n${text}\n`);
    for (const [what, lines] of this.builds)
      if (this.failed.has(what))
        this.screen.write(
          `\nlast lines of ${what}:\n${lines.map((line) => `    ${line}\n`).join("")}`,
        );
    this.nameLog();
  }

  nameLog(): void {
    this.screen.write(`\nfull output: ${this.logFile}\n`);
  }

  private diagnostic({
    urn,
    message,
    severity,
    ephemeral,
  }: NonNullable<EngineEvent["diagnosticEvent"]>) {
    const text = plain(message).trimEnd();
    if (!text || SAID_ELSEWHERE.test(text)) return;
    this.log.write(`${urn ? `${resourceOf(urn).name}: ` : ""}${text}\n`);
    const current = urn ? this.underWay.get(urn) : undefined;
    if (current) current.word = text.split("\n").at(-1)!;
    if (severity === "error") this.errors.push(text);
    else if (severity === "warning" && !ephemeral) this.say(`warning: ${text}`);
    else if (current?.what.startsWith("Image ")) this.keepEnd(current.what, text);
  }

  private violation(event: NonNullable<EngineEvent["policyEvent"]>) {
    const text = violationText(event);
    if (event.enforcementLevel === "mandatory") this.errors.push(text);
    else this.say(`warning: ${text}`);
  }

  private keepEnd(what: string, text: string): void {
    const lines = [...(this.builds.get(what) ?? []), ...text.split("\n")];
    this.builds.set(what, lines.slice(-LOG_LINES));
  }

  private begin(urn: string, op: string): void {
    const operation = OPERATIONS[op];
    if (!operation || !isShown(urn)) return;
    const { kind, name } = resourceOf(urn);
    const what = `${kind} ${name}`;
    const doing = `${operation.sign} ${what} ${operation.doing}`;
    this.underWay.set(urn, { what, doing, since: Date.now(), announced: false, word: "" });
  }

  private end(urn: string, op: string, failed = false): void {
    const current = this.underWay.get(urn);
    const operation = OPERATIONS[op];
    if (!current || !operation) return;
    this.underWay.delete(urn);
    if (failed) this.failed.add(current.what);
    const took = this.tense === "planned" && !failed ? "" : ` (${seconds(current.since)})`;
    const result = failed ? `x ${current.what} failed` : undefined;
    this.say(`${result ?? `${operation.sign} ${current.what} ${operation[this.tense]}`}${took}`);
  }

  private tick(): void {
    if (this.screen.isTTY) {
      this.erase();
      this.draw();
      return;
    }
    for (const current of this.underWay.values())
      if (!current.announced && Date.now() - current.since >= ANNOUNCED_AFTER_MS) {
        current.announced = true;
        this.say(`${current.doing} …`);
      }
  }

  private erase(): void {
    if (this.drawn) this.screen.write(`${up(this.drawn)}${CLEAR_BELOW}`);
    this.drawn = 0;
  }

  private draw(): void {
    if (!this.screen.isTTY) return;
    const room = Math.max(1, (this.screen.rows ?? 24) - 2);
    const width = (this.screen.columns ?? 80) - 1;
    const all = [...this.underWay.values()].map(
      ({ doing, since, word }) => `  ${doing} ${seconds(since)}  ${word}`,
    );
    const shown = all.length > room ? all.slice(0, room - 1) : all;
    if (shown.length < all.length) shown.push(`  … and ${all.length - shown.length} more`);
    for (const text of shown) this.screen.write(`${text.slice(0, width)}\n`);
    this.drawn = shown.length;
  }
}
