/** What an operator sees of the engine's events, on a terminal and without one. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { Display, type Tense } from "../../ops/lib/engine/display.ts";

const urn = (type: string, name: string) => `urn:pulumi:qa::todo-app::${type}::${name}`;
const BACKEND = urn("todo-app:index:WebService$kubernetes:apps/v1:Deployment", "backend");
const IMAGE = urn("todo-app:index:ContainerImage$docker:index/image:Image", "backend-image");

const event = (content: object) => ({ sequence: 0, timestamp: 0, ...content }) as EngineEvent;
const begin = (of: string, op = "create") =>
  event({ resourcePreEvent: { metadata: { urn: of, op } } });
const end = (of: string, op = "create") =>
  event({ resOutputsEvent: { metadata: { urn: of, op } } });
const fail = (of: string, op = "create") =>
  event({ resOpFailedEvent: { metadata: { urn: of, op } } });
const diagnostic = (message: string, severity = "info", of?: string, ephemeral = false) =>
  event({ diagnosticEvent: { urn: of, message, severity, ephemeral, color: "never" } });
const summary = (resourceChanges: object) => event({ summaryEvent: { resourceChanges } });

/** A terminal with the functions that the display uses: text, moving up by lines, and clearing everything below. */
class Terminal {
  readonly isTTY = true;
  readonly columns = 60;
  readonly rows = 8;
  lines: string[] = [];
  /** The largest number of lines that were shown at once. */
  highest = 0;

  write(text: string): void {
    // eslint-disable-next-line no-control-regex -- what moves the cursor begins with one
    const codes = /^(?:\u001b\[(\d+)A\r)?\u001b\[J/.exec(text);
    if (codes) this.lines.splice(this.lines.length - Number(codes[1] ?? 0));
    else this.lines.push(...text.split("\n").slice(0, -1));
    this.highest = Math.max(this.highest, this.lines.length);
  }
}

describe("the display of an operation", () => {
  let folder: string;
  let display: Display;
  const home = process.env.XDG_STATE_HOME;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "display-"));
    process.env.XDG_STATE_HOME = folder;
  });
  afterEach(() => {
    display.close();
    if (home === undefined) delete process.env.XDG_STATE_HOME;
    else process.env.XDG_STATE_HOME = home;
    // The log file may be created only now.
    rmSync(folder, { recursive: true, maxRetries: 5, retryDelay: 50 });
  });

  /** Text that goes to a pipe. */
  const piped = (tense: Tense = "done") => {
    const texts: string[] = [];
    const screen = { write: (text: string) => texts.push(text) };
    display = new Display("acme/qa", "up", { tense, screen });
    return { texts, send: (...events: EngineEvent[]) => events.forEach(display.onEvent) };
  };
  const onTerminal = () => {
    const screen = new Terminal();
    display = new Display("qa", "up", { screen });
    return { screen, send: (...events: EngineEvent[]) => events.forEach(display.onEvent) };
  };

  describe("without a terminal", () => {
    it("is a line for each changed resource, none for unchanged ones, and the totals", () => {
      const { texts, send } = piped();
      send(begin(BACKEND), end(BACKEND), begin(IMAGE, "same"), end(IMAGE, "same"));
      send(summary({ create: 1, same: 44 }));
      display.close();
      assert.equal(
        texts.join(""),
        "  + Deployment backend created (0s)\nResources:\n    + 1 created\n      44 unchanged\n",
      );
    });

    it("announces an operation that takes longer", async () => {
      const { texts, send } = piped();
      send(begin(BACKEND, "update"));
      await sleep(2_400);
      assert.deepEqual(texts, ["  ~ Deployment backend updating …\n"]);
      send(end(BACKEND, "update"));
      assert.match(texts[1]!, /^ {2}~ Deployment backend updated \(2s\)\n$/);
    });

    it("says which resource breaks which rule of a policy pack, and warns of advice", () => {
      const { texts, send } = piped();
      const violation = (enforcementLevel: string, message: string) =>
        event({
          policyEvent: { resourceUrn: BACKEND, policyName: "limits", message, enforcementLevel },
        });
      send(violation("mandatory", "<{%reset%}>Every container has one.\nno limit<{%reset%}>\n"));
      send(violation("advisory", "is large"));
      assert.deepEqual(texts, ["  warning: policy limits: Deployment backend: is large\n"]);
      display.showErrors();
      assert.match(texts.join(""), /\n\npolicy limits: Deployment backend: no limit\n/);
    });

    it("leaves out components and providers, which an operator does not wait for", () => {
      const { texts, send } = piped();
      for (const each of [
        urn("pulumi:providers:kubernetes", "cluster"),
        urn("todo-app:index:WebService", "backend"),
        urn("pulumi:pulumi:Stack", "todo-app-qa"),
      ])
        send(begin(each), end(each));
      assert.deepEqual(texts, []);
    });

    it("of a preview says what would happen", () => {
      const { texts, send } = piped("planned");
      send(begin(BACKEND, "update"), end(BACKEND, "update"), begin(IMAGE), end(IMAGE));
      send(summary({ update: 1, create: 1 }));
      display.close();
      assert.equal(
        texts.join(""),
        "  ~ Deployment backend to update\n  + Image backend-image to create\n" +
          "Resources:\n    + 1 to create\n    ~ 1 to update\n",
      );
    });
  });

  it("shows warnings in full, but not which plugins are in use", () => {
    const { texts, send } = piped();
    send(diagnostic("two\nlines\n", "warning"));
    send(diagnostic("using pulumi-resource-docker from $PATH at /bin/x", "warning"));
    assert.deepEqual(texts, ["  warning: two\nlines\n"]);
  });

  it("shows each error once and in full, the end of the build that failed, and names the log", () => {
    const { texts, send } = piped();
    const problems =
      "the configuration of stack qa has 1 problem:\n  todo-app:host is missing\n    fix: set it";
    send(begin(IMAGE), begin(BACKEND), end(BACKEND));
    for (let step = 1; step <= 40; step += 1) send(diagnostic(`step ${step}`, "info", IMAGE, true));
    send(fail(IMAGE), diagnostic(problems, "error"), diagnostic(problems, "error"));
    display.close();
    display.showErrors();
    const text = texts.join("");
    assert.equal(text.split(problems).length, 2);
    assert.match(text, /^ {2}x Image backend-image failed \(0s\)$/m);
    assert.match(text, /last lines of Image backend-image:\n {4}step 26\n[^]* {4}step 40\n\n/);
    assert.match(text, /\nfull output: .*\/todo-app\/logs\/up-acme-qa\.log\n$/);
  });

  it("writes all output of the engine to the log", async () => {
    const { send } = piped();
    send(begin(IMAGE), diagnostic("<{%reset%}>step 1<{%reset%}>", "info", IMAGE, true));
    send(end(IMAGE), summary({ create: 1 }));
    display.close();
    await sleep(100);
    assert.equal(
      readFileSync(join(folder, "todo-app/logs/up-acme-qa.log"), "utf8"),
      "backend-image: step 1\n+ Image backend-image created (0s)\nResources:\n    + 1 created\n",
    );
  });

  it("goes on if the log cannot be written, and says so", async () => {
    mkdirSync(join(folder, "todo-app/logs/up-acme-qa.log"), { recursive: true });
    const { texts, send } = piped();
    while (!texts.length) await sleep(10); // the log is opened in the background
    send(begin(BACKEND), end(BACKEND));
    await sleep(50);
    assert.match(texts[0]!, /^ {2}warning: the log can't be written: EISDIR/);
    assert.deepEqual(texts.slice(1), ["  + Deployment backend created (0s)\n"]);
  });

  it("ignores events that come after its end", async () => {
    const { texts, send } = piped();
    display.close();
    send(begin(BACKEND), end(BACKEND), diagnostic("late", "warning"));
    await sleep(50);
    assert.deepEqual(texts.filter(Boolean), []);
  });

  describe("on a terminal", () => {
    it("shows operations in progress with their last status, and in the end only finished ones", async () => {
      const { screen, send } = onTerminal();
      // On a busy machine, the pauses of this test take more than a second.
      const lines = () => screen.lines.map((line) => line.replace(/\b\d+s/, "0s"));
      send(begin(IMAGE), diagnostic("[4/9] RUN npm ci", "info", IMAGE, true));
      await sleep(300);
      assert.deepEqual(lines(), ["  + Image backend-image creating 0s  [4/9] RUN npm ci"]);
      send(end(IMAGE), begin(BACKEND));
      await sleep(300);
      assert.deepEqual(lines(), [
        "  + Image backend-image created (0s)",
        "  + Deployment backend creating 0s  ",
      ]);
      display.close();
      assert.deepEqual(lines(), ["  + Image backend-image created (0s)"]);
    });

    it("never takes more than the screen, neither in height nor in width", async () => {
      const { screen, send } = onTerminal();
      for (let index = 0; index < 20; index += 1)
        send(begin(urn("kubernetes:core/v1:Secret", `secret-${index}`)));
      send(diagnostic("x".repeat(200), "info", urn("kubernetes:core/v1:Secret", "secret-0"), true));
      await sleep(300);
      assert.ok(screen.highest <= screen.rows - 2, `${screen.highest} lines`);
      assert.ok(screen.lines.every((line) => line.length < screen.columns));
      assert.equal(screen.lines.at(-1), "  … and 15 more");
    });

    it("keeps the errors of a failure while other operations are in progress", async () => {
      const { screen, send } = onTerminal();
      send(begin(IMAGE), begin(BACKEND));
      await sleep(300);
      send(fail(IMAGE), diagnostic("no space left on device", "error"));
      display.close();
      display.showErrors();
      assert.deepEqual(screen.lines.slice(0, 3), [
        "  x Image backend-image failed (0s)",
        "",
        "no space left on device",
      ]);
    });
  });
});
