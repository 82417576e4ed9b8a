/**
 * `make test`: runs every suite, shows them one after the other, and adds up their counts.
 *
 * Usage: node test/run.ts [suite ...], default all. Ends with `N passed, N failed` and what failed; exit code 1 when
 * anything failed, a suite ended badly without saying what failed, ran no test, or skipped one.
 */
import { spawn } from "node:child_process";
import { confineToLocalCluster } from "./e2e/support/localCluster.ts";

interface Suite {
  readonly name: string;
  readonly command: string;
  /**
   * The suite at whose end it begins. It runs beside those that are listed between the two, so they must not disturb each other.
   * @default all before it must have ended
   */
  readonly after?: string;
}

const withEnv = (command: string) => `settings=$(local/env) && eval "$settings" && ${command}`;
const mocha = (files: string) => `mocha --reporter spec ${files}`;
/** With time for a cluster that is busy; a test that fails also shows what it looks like. */
const onCluster = (files: string) =>
  mocha(`--timeout 600000 --require test/e2e/support/diagnose.ts ${files}`);
/**
 * One process for each file, three at a time, as each waits now and then: the SDK's state is global, and what a failed program
 * left behind must not reach the next. Each process prints when it is done.
 */
const mochaEach = (files: string) =>
  `printf '%s\\0' ${files} | xargs -0 -n 1 -P 3 bash -c '` +
  `printed=$(${mocha('--timeout 120000 "$1"')}) && status=0 || status=1; echo "$printed"; exit $status' mocha`;

/** Leaves the processor to the cluster, whose tests wait most of the time but must not come late. */
const politely = (command: string) => `renice -n 10 $$ >/dev/null; ${command}`;

const SUITES: readonly Suite[] = [
  { name: "tools", command: "test/prerequisites.sh" },
  { name: "lint", command: politely("test/lint.sh") },
  { name: "unit", command: politely("make unit") },
  { name: "network", command: politely(mocha("'test/network/*.test.ts'")) },
  { name: "monitoring", command: politely(mocha("'test/monitoring/*.test.ts'")) },
  { name: "scan", command: politely("test/scan/scan.sh") },
  { name: "backend", command: politely("app/backend/check.sh"), after: "tools" },
  { name: "frontend", command: politely("app/frontend/check.sh"), after: "backend" },
  {
    name: "plugins",
    command: politely("go -C local/plugins vet ./... && go -C local/plugins test ./..."),
  },
  {
    name: "cluster",
    command: "local/up dev && echo 'ok - local/up' && test/e2e/cluster.sh",
    after: "tools",
  },
  { name: "contract", command: withEnv(mochaEach("test/contract/*.test.ts")) },
  { name: "e2e", command: withEnv(onCluster("'test/e2e/*.test.ts'")) },
  {
    name: "app",
    command: withEnv(`test/e2e/up.sh dev && ${onCluster("'test/e2e/app/*.test.ts'")}`),
  },
  {
    name: "stages",
    command: withEnv(
      `test/e2e/up.sh staging production && ${onCluster("--timeout 900000 'test/e2e/stages/*.test.ts'")}`,
    ),
    after: "contract",
  },
  {
    name: "alone",
    command: withEnv(
      `test/e2e/up.sh dev staging production && ${onCluster("--timeout 900000 'test/e2e/alone/*.test.ts'")}`,
    ),
  },
  { name: "clean-up", command: "test/e2e/cleanup.sh" },
];

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

/** Adds up what mocha ("3 passing"), pytest ("3 passed") and TAP ("ok ...") say. */
function count(output: string): Count {
  const sum = (pattern: RegExp) =>
    [...output.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
  const lines = (pattern: RegExp) => [...output.matchAll(pattern)].length;
  return {
    passed: sum(/^\s+(\d+) passing/gm) + sum(/\b(\d+) passed\b/g) + lines(/^ok\b/gm),
    failed: sum(/^\s+(\d+) failing/gm) + sum(/\b(\d+) failed\b/g) + lines(/^not ok\b/gm),
    skipped: sum(/^\s+(\d+) pending/gm) + sum(/\b(\d+) skipped\b/g),
  };
}

/** What failed, each with the first lines of its error: at the end of a long log, where they are looked for. */
function failures(output: string): string[] {
  const mocha = output
    .split(/^\s+\d+ failing$/m)
    .slice(1)
    .join("\n");
  return [
    ...[...mocha.matchAll(/^ {2}\d+\) [\s\S]*?(?=\n\s+at |\n\n\n)/gm)].map(([text]) => text.trim()),
    ...(output.match(/^(FAILED|ERROR) .*$|^not ok .*$/gm) ?? []),
  ].map((text) => text.slice(0, 600));
}

/** A suite that was started; what it prints is shown from `show` on. */
class Run {
  readonly ended: Promise<number>;
  private readonly begin = Date.now();
  private shown = false;
  /** What was printed before it is shown. */
  private held = "";
  /** Standard output, which has the counts. */
  output = "";
  seconds = 0;

  constructor({ command }: Suite) {
    const child = spawn("bash", ["-euo", "pipefail", "-c", command], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.on("data", (chunk: Buffer) => {
      this.output += chunk.toString();
      this.print(chunk.toString());
    });
    child.stderr.on("data", (chunk: Buffer) => this.print(chunk.toString()));
    this.ended = new Promise((resolve) => {
      child.on("close", (code) => {
        this.seconds = (Date.now() - this.begin) / 1000;
        resolve(code ?? 1);
      });
    });
  }

  private print(text: string) {
    if (this.shown) process.stdout.write(text);
    else this.held += text;
  }

  show() {
    this.shown = true;
    process.stdout.write(this.held);
  }
}

confineToLocalCluster(process.env);

const chosen = process.argv.slice(2);
const unknown = [...chosen, ...SUITES.flatMap(({ after }) => after ?? [])].filter(
  (name) => !SUITES.some((suite) => suite.name === name),
);
if (unknown.length)
  throw new Error(
    `no suite ${unknown.join(", ")}; there are ${SUITES.map(({ name }) => name).join(", ")}`,
  );

const total: Count = { passed: 0, failed: 0, skipped: 0 };
const summary: string[] = [];
const failed: string[] = [];
const suites = SUITES.filter(({ name }) => !chosen.length || chosen.includes(name));
const runs = new Map<Suite, Run>();
/** Starts a suite, unless it runs, and at its end those that begin after it. */
function start(suite: Suite): Run {
  const before = runs.get(suite);
  if (before) return before;
  const run = new Run(suite);
  runs.set(suite, run);
  const following = suites.filter(({ after }) => after === suite.name);
  void run.ended.then(() => following.forEach(start));
  return run;
}
for (const suite of suites) {
  const run = start(suite);
  process.stdout.write(`\n=== ${suite.name}\n`);
  run.show();
  const code = await run.ended;
  const { output } = run;
  const result = count(output);
  if (code !== 0 && result.failed === 0) result.failed = 1;
  if (code === 0 && result.passed === 0) result.failed = 1;
  total.passed += result.passed;
  total.failed += result.failed;
  total.skipped += result.skipped;
  const named = failures(output);
  if (result.failed && !named.length) named.push(output.trimEnd().split("\n").slice(-5).join("\n"));
  failed.push(...named.map((text) => `${suite.name}: ${text}`));
  summary.push(
    `  ${suite.name.padEnd(10)} ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped in ${run.seconds.toFixed(1)} s`,
  );
}
process.stdout.write(`\n${summary.join("\n")}\n\n${total.passed} passed, ${total.failed} failed\n`);
for (const text of failed) process.stdout.write(`\n${text}\n`);
process.exitCode = total.failed || total.skipped ? 1 : 0;
