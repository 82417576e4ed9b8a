/**
 * Shows what the engine does: one line for each resource once it is done, and one in advance where that takes longer. On a
 * terminal, what is under way stands below, with its last word and the time since it began. Everything else goes to a log.
 */
import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import type { EngineEvent, OpMap } from "@pulumi/pulumi/automation/index.js";
import { stateFolder } from "./lock.ts";

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
  /** The step of a build, or how far a rollout is. */
  word: string;
}

/** What an operation is called while it lasts, and afterwards. Others change nothing in the cluster. */
const OPERATIONS: Readonly<Record<string, readonly [sign: string, doing: string, done: string]>> = {
  create: ["+", "creating", "created"],
  "create-replacement": ["+", "creating replacement", "created replacement"],
  update: ["~", "updating", "updated"],
  delete: ["-", "deleting", "deleted"],
  "delete-replaced": ["-", "deleting original", "deleted original"],
  import: ["=", "importing", "imported"],
};
const SUMMARY: Readonly<Record<string, string>> = {
  create: "created",
  update: "updated",
  replace: "replaced",
  delete: "deleted",
  import: "imported",
  same: "unchanged",
};

/** The engine repeats all the time which plugins are in use, which `make up` has said. */
const SAID_ELSEWHERE = /^using pulumi-\S+ from \$PATH at /;
/** What lasts longer is announced, where nothing shows what is under way. */
const ANNOUNCED_AFTER_MS = 2_000;
const TICK_MS = 200;
const LOG_LINES = 15;
const CLEAR_BELOW = "\u001b[J";
const up = (lines: number) => (lines ? `\u001b[${lines}A\r` : "");

/** `Deployment backend` of `urn:pulumi:dev::todo-app::…$kubernetes:apps/v1:Deployment::backend`. */
export function resourceOf(urn: string): { kind: string; name: string } {
  const [, , types = "", name = ""] = urn.split("::");
  return { kind: types.split("$").at(-1)!.split(":").at(-1)!, name };
}

/** Providers and components are nothing that an operator waits for. */
const isShown = (urn: string) => !/[:$](pulumi:|todo-app:)[^$]*$/.test(`:${urn.split("::")[2]}`);

const seconds = (since: number) => `${Math.round((Date.now() - since) / 1000)}s`;

export class Display {
  /** Full output of the engine, builds included. */
  readonly logFile: string;
  readonly errors: string[] = [];
  changes: OpMap = {};
  private readonly underWay = new Map<string, UnderWay>();
  private readonly screen: Screen;
  private readonly log: WriteStream;
  private readonly builds = new Map<string, string[]>();
  private readonly timer: NodeJS.Timeout;
  private drawn = 0;

  constructor(stage: string, operation: string, screen: Screen = process.stdout) {
    const folder = join(stateFolder(), "logs");
    mkdirSync(folder, { recursive: true });
    this.logFile = join(folder, `${operation}-${stage.replaceAll("/", "-")}.log`);
    this.log = createWriteStream(this.logFile);
    this.screen = screen;
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  readonly onEvent = (event: EngineEvent): void => {
    const { resourcePreEvent, resOutputsEvent, resOpFailedEvent, summaryEvent } = event;
    if (event.diagnosticEvent) this.diagnostic(event.diagnosticEvent);
    if (resourcePreEvent) this.begin(resourcePreEvent.metadata.urn, resourcePreEvent.metadata.op);
    if (resOutputsEvent) this.end(resOutputsEvent.metadata.urn, resOutputsEvent.metadata.op);
    if (resOpFailedEvent)
      this.end(resOpFailedEvent.metadata.urn, resOpFailedEvent.metadata.op, true);
    if (summaryEvent) this.changes = summaryEvent.resourceChanges;
  };

  /** Ends the display with what changed in sum; the terminal is as it was before. */
  close(): void {
    clearInterval(this.timer);
    this.erase();
    this.log.end();
    const counts = Object.entries(SUMMARY).flatMap(([op, done]) => {
      const count = this.changes[op as keyof OpMap];
      return count ? [`    ${OPERATIONS[op]?.[0] ?? " "} ${count} ${done}`] : [];
    });
    if (counts.length) this.screen.write(`Resources:\n${counts.join("\n")}\n`);
  }

  /** Shows an engine's errors, each once, and the end of the build that failed. */
  showErrors(): void {
    for (const text of new Set(this.errors)) this.screen.write(`\n${text}\n`);
    for (const [what, lines] of this.builds)
      if (this.failed.has(what) && lines.length)
        this.screen.write(
          `\nlast lines of ${what}:\n${lines.map((line) => `    ${line}\n`).join("")}`,
        );
    this.screen.write(`\nfull output: ${this.logFile}\n`);
  }

  private readonly failed = new Set<string>();

  private diagnostic({
    urn,
    message,
    severity,
    ephemeral,
  }: NonNullable<EngineEvent["diagnosticEvent"]>) {
    // eslint-disable-next-line no-control-regex -- the engine's mark-up of colours
    const text = message.replace(/<\{%[^%]*%\}>|\u001b\[[0-9;]*m/g, "").trimEnd();
    if (!text || SAID_ELSEWHERE.test(text)) return;
    this.log.write(`${urn ? `${resourceOf(urn).name}: ` : ""}${text}\n`);
    const current = urn && this.underWay.get(urn);
    if (current) current.word = text.split("\n").at(-1)!;
    if (severity === "error") this.errors.push(text);
    else if (severity === "warning" && !ephemeral) this.line(`warning: ${text}`);
    else if (current && current.what.startsWith("Image "))
      this.builds.set(
        current.what,
        [...(this.builds.get(current.what) ?? []), text].slice(-LOG_LINES),
      );
  }

  private begin(urn: string, op: string): void {
    const operation = OPERATIONS[op];
    if (!operation || !isShown(urn)) return;
    const { kind, name } = resourceOf(urn);
    const what = `${kind} ${name}`;
    const doing = `${operation[0]} ${what} ${operation[1]}`;
    this.underWay.set(urn, { what, doing, since: Date.now(), announced: false, word: "" });
  }

  private end(urn: string, op: string, failed = false): void {
    const current = this.underWay.get(urn);
    const operation = OPERATIONS[op];
    if (!current || !operation) return;
    this.underWay.delete(urn);
    if (failed) this.failed.add(current.what);
    const done = failed ? "failed" : operation[2];
    this.line(`${failed ? "x" : operation[0]} ${current.what} ${done} (${seconds(current.since)})`);
  }

  /** A line that stays. */
  private line(text: string): void {
    this.erase();
    this.log.write(`${text}\n`);
    this.screen.write(`  ${text}\n`);
    this.draw();
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
        this.line(`${current.doing} …`);
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
    const lines = [...this.underWay.values()]
      .slice(0, room)
      .map(({ doing, since, word }) => `  ${doing} ${seconds(since)}  ${word}`.slice(0, width));
    for (const text of lines) this.screen.write(`${text}\n`);
    this.drawn = lines.length;
  }
}
