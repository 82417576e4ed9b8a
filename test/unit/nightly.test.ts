/** The nightly checks of a stage: what they find, and the one issue that says so. */
import assert from "node:assert/strict";
import { OperatorError } from "../../ops/lib/errors.ts";
import { writeIssue } from "../../ops/lib/github/issue.ts";
import { checksOf, reportOf } from "../../ops/lib/nightly/nightly.ts";
import type { Result } from "../../ops/lib/run.ts";
import { FakeGithub } from "./support/fakeGithub.ts";

const STAGE = { name: "qa", file: "Pulumi.qa.yaml" };
const IN_CLUSTER = { database: { mode: "in-cluster" }, backup: { enabled: true } };
const EXTERNAL = { database: { mode: "external" }, backup: { enabled: false } };
const ok = (stdout: string): Result => ({ code: 0, stdout, output: stdout });

/** Runs the checks with commands that end like this. @returns the report, and the commands */
async function report(results: readonly Result[], config: typeof IN_CLUSTER | undefined) {
  const commands: string[] = [];
  const left = [...results];
  const checks = await checksOf(STAGE, config, (command) => {
    commands.push(command.join(" "));
    return Promise.resolve(left.shift()!);
  });
  return { text: reportOf("qa", checks), commands, passed: checks.every(({ ok }) => ok) };
}

describe("the nightly checks", () => {
  it("try for drift and the newest backup", async () => {
    const restored = "backup 20260302-021700 of qa can be restored: 5 tables\n";
    const { text, commands, passed } = await report([ok(""), ok(restored)], IN_CLUSTER);
    assert.deepEqual(commands, [
      "node ops/drift.ts qa Pulumi.qa.yaml --exit-code",
      "node ops/drill.ts qa Pulumi.qa.yaml",
    ]);
    assert.equal(passed, true);
    assert.equal(
      text,
      `<!-- todo-app nightly: qa -->
### Nightly checks of \`qa\`: all right

**drift**: nothing was changed by hand

**restore drill**: backup 20260302-021700 of qa can be restored: 5 tables
`,
    );
  });

  it("show what was changed by hand, and leave out the drill of a database that others run", async () => {
    const found = { code: 3, stdout: "Deployment backend\n", output: "warning\nDeployment…" };
    const { text, commands, passed } = await report([found], EXTERNAL);
    assert.equal(commands.length, 1);
    assert.equal(passed, false);
    assert.match(text, /^### Nightly checks of `qa`: drift$/m);
    assert.match(text, /was changed by hand\n\n```text\nDeployment backend\n```\n\n/);
    assert.match(text, /^\*\*restore drill\*\*: not tried: the database of qa is external: /m);
  });

  it("fail where a command fails or the configuration is wrong, and say why", async () => {
    const failed = { code: 1, stdout: "", output: "\nerror: no cluster\n  fix: start it\n" };
    const first = await report([failed, failed], IN_CLUSTER);
    assert.match(first.text, /^### .*: drift, restore drill$/m);
    assert.equal(first.text.match(/exit code 1\n\n```text\nerror: no cluster\n/g)?.length, 2);
    const second = await report([ok("")], undefined);
    assert.equal(second.passed, false);
    assert.match(second.text, /not tried: the configuration of qa has a problem/);
  });

  it("fit into an issue, with the address of the log", () => {
    const long = { ok: false, result: "failed", output: "x".repeat(100_000) };
    const checks = [
      { ...long, name: "drift" as const },
      { ...long, name: "restore drill" as const },
    ];
    const text = reportOf("qa", checks, "https://example.com/runs/7");
    assert.ok(text.length < 65_536);
    assert.ok(text.endsWith("\n[log](https://example.com/runs/7)\n"));
  });
});

describe("the issue of a stage", () => {
  const wrong = "<!-- todo-app nightly: qa -->\n### Nightly checks of `qa`: drift\n\nfirst";
  let github: FakeGithub;
  beforeEach(async () => {
    github = new FakeGithub();
    await github.start();
  });
  afterEach(() => github.stop());

  const write = (text: string, close = false) => writeIssue(github.repository, text, { close });

  it("is opened once, updated, closed, and opened anew", async () => {
    const other = { number: 1, title: "", state: "open", html_url: "" };
    github.issues = [
      { ...other, body: "a bug", labels: ["nightly"] },
      { ...other, number: 2, body: wrong, labels: [] }, // by somebody who may not set the label
      { ...other, number: 3, body: wrong.replace("qa", "production"), labels: ["nightly"] },
    ];
    assert.deepEqual(await write(wrong, true), { did: "nothing" });
    assert.equal(github.calls.length, 1);
    assert.deepEqual(await write(wrong), { did: "opened", url: "https://example.com/4" });
    const updated = wrong.replace("drift", "drift, restore drill");
    assert.deepEqual(await write(updated), { did: "updated", url: "https://example.com/4" });
    const issue = () => github.issues.find(({ number }) => number === 4)!;
    assert.deepEqual(
      [issue().title, issue().body, issue().labels],
      ["Nightly checks of qa: drift, restore drill", updated, ["nightly"]],
    );

    const right = wrong.replace("drift", "all right");
    assert.equal((await write(right, true)).did, "closed");
    assert.equal(issue().state, "closed");
    assert.equal(issue().body, updated, "it still says what was wrong");
    assert.deepEqual(
      github.comments.map(({ body }) => body),
      [right],
    );
    assert.equal((await write(wrong)).url, "https://example.com/5");
  });

  it("is not touched where there is no report, or the token may not write", async () => {
    await assert.rejects(write(""), /has no marker/);
    assert.deepEqual(github.calls, []);
    github.refuse = 403;
    await assert.rejects(write(wrong), (error: OperatorError) => {
      assert.match(error.fix, /write to issues of acme\/todo-app: permissions: issues: write$/);
      return true;
    });
  });
});
