/** The comment of a preview on a pull request: what it says, and that there is one for each stage. */
import assert from "node:assert/strict";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { OperatorError } from "../../ops/lib/errors.ts";
import { writeComment } from "../../ops/lib/review/github.ts";
import { LONGEST_COMMENT, commentOf, markerOf } from "../../ops/lib/review/markdown.ts";
import { ReviewCollector } from "../../ops/lib/review/review.ts";
import { FakeGithub } from "./support/fakeGithub.ts";

const urn = (type: string, name: string) => `urn:pulumi:qa::todo-app::${type}::${name}`;
const DEPLOYMENT = "kubernetes:apps/v1:Deployment";
/** A secret as the engine's events have it. */
const SECRET = {
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext: "[secret]",
};

const event = (content: object) => ({ sequence: 0, timestamp: 0, ...content }) as EngineEvent;
const step = (
  op: string,
  type: string,
  name: string,
  before?: object,
  after?: object,
  paths: string[] = [],
) =>
  event({
    resourcePreEvent: {
      metadata: {
        op,
        type,
        urn: urn(type, name),
        ...(before && { old: { inputs: before } }),
        ...(after && { new: { inputs: after } }),
        detailedDiff: paths.length
          ? Object.fromEntries(paths.map((path) => [path, { diffKind: "update" }]))
          : null,
      },
      planning: true,
    },
  });
const summary = (resourceChanges: object) => event({ summaryEvent: { resourceChanges } });
const broken = (message: string, enforcementLevel: string) =>
  event({
    policyEvent: {
      resourceUrn: urn(DEPLOYMENT, "backend"),
      policyName: "limits-are-set",
      message: `<{%reset%}>What it is about.\n${message}<{%reset%}>`,
      enforcementLevel,
    },
  });

function commentFor(events: readonly EngineEvent[], failure?: OperatorError): string {
  const collector = new ReviewCollector();
  events.forEach(collector.onEvent);
  return commentOf(collector.review("qa", failure));
}

const container = (image: string, env: unknown) => ({
  spec: { replicas: image === "old" ? 2 : 3, containers: [{ image, env }] },
  metadata: { annotations: { "todo-app/image-revision": image } },
});

describe("the comment of a preview", () => {
  it("says in one line that nothing changes", () => {
    assert.equal(
      commentFor([step("same", DEPLOYMENT, "backend"), summary({ same: 44 })]),
      "<!-- todo-app preview: qa -->\n### Preview of `qa`: nothing changes in 44 resources\n",
    );
  });

  it("lists each resource with the fields that change", () => {
    const paths = [
      "spec.replicas",
      "spec.containers[0].image",
      'metadata.annotations["todo-app/image-revision"]',
    ];
    assert.equal(
      commentFor([
        step("create", "kubernetes:core/v1:ConfigMap", "settings", undefined, { data: { A: "1" } }),
        step("update", DEPLOYMENT, "backend", container("old", []), container("new", []), paths),
        step("delete", "kubernetes:core/v1:Service", "gone", { spec: {} }),
        summary({ create: 1, update: 1, delete: 1, same: 40 }),
      ]),
      `${markerOf("qa")}
### Preview of \`qa\`: 1 to create, 1 to update, 1 to delete, 40 unchanged

- \`create ConfigMap settings\`
- \`delete Service gone\`

<details><summary>update Deployment backend: 3 fields</summary>

- \`metadata.annotations["todo-app/image-revision"]\`: \`old\` → \`new\`
- \`spec.containers[0].image\`: \`old\` → \`new\`
- \`spec.replicas\`: \`2\` → \`3\`

</details>
`,
    );
  });

  it("finds the fields by itself where a provider names none, in any step of a replacement", () => {
    const comment = commentFor([
      step(
        "create-replacement",
        "kubernetes:core/v1:ConfigMap",
        "settings",
        { data: { A: "1" } },
        { data: { A: "2", B: "x" } },
      ),
      step("replace", "kubernetes:core/v1:ConfigMap", "settings"),
      step("delete-replaced", "kubernetes:core/v1:ConfigMap", "settings", { data: { A: "1" } }),
      summary({ replace: 1 }),
    ]);
    assert.match(comment, /<summary>replace ConfigMap settings: 2 fields</);
    assert.match(comment, /^- `data\.A`: `1` → `2`$/m);
    assert.match(comment, /^- `data\.B`: not set → `x`$/m);
  });

  it("never has a value that is secret, is in a secret or contains one", () => {
    const comment = commentFor([
      step("update", DEPLOYMENT, "backend", container("old", SECRET), container("old", "canary"), [
        "spec.containers[0].env",
        "spec.containers[0].env.inner",
        "spec.containers",
      ]),
      step(
        "update",
        "kubernetes:core/v1:Secret",
        "login",
        { data: { a: "canary" } },
        { data: { a: "canary2" } },
      ),
      step(
        "update",
        "random:index/randomPassword:RandomPassword",
        "auth",
        { length: 8 },
        { length: 9 },
      ),
      summary({ update: 3 }),
    ]);
    assert.doesNotMatch(comment, /canary|\[secret\]|4dabf18/);
    assert.equal(comment.match(/changes, values not shown/g)?.length, 5);
  });

  it("cuts long values, and keeps what they contain from being taken for Markdown", () => {
    const values = ["x".repeat(500), "a `code` </details>\nb"];
    const [before, after] = values.map((A) => ({ data: { A } }));
    const comment = commentFor([
      step("update", "kubernetes:core/v1:ConfigMap", "settings", before, after),
      summary({ update: 1 }),
    ]);
    assert.match(comment, /: `x{120}…` → `` "a `code` <\/details>\\nb" ``$/m);
  });

  it("shows errors, broken rules and warnings where the preview has failed", () => {
    const message = "the configuration of stack qa has 1 problem:\n```\n<!-- x -->";
    const diagnostic = event({ diagnosticEvent: { message, severity: "error", color: "never" } });
    const comment = commentFor(
      [diagnostic, diagnostic, broken("no limit", "mandatory"), broken("is large", "advisory")],
      new OperatorError("the deploy of qa failed", "run it again"),
    );
    assert.match(comment, /^### Preview of `qa`: failed$/m);
    assert.equal(comment.split(message).length, 2);
    assert.ok(comment.includes(`\`\`\`\`text\n${message}\n\`\`\`\`\n`));
    assert.match(comment, /^policy limits-are-set: Deployment backend: no limit$/m);
    assert.match(comment, /\*\*Warnings\*\*\n\n```text\npolicy limits-are-set: .*: is large\n```/);
    assert.doesNotMatch(comment, /the deploy of qa failed/);
  });

  it("has the error of a preview that has failed before the engine started", () => {
    const comment = commentFor([], new OperatorError("no such stage", "name another one"));
    assert.match(comment, /failed\n\n\*\*Errors\*\*\n\n```text\nno such stage\n```\n$/);
  });

  it("stays below GitHub's limit, and counts what is left out", () => {
    const many = Array.from({ length: 2000 }, (_, index) =>
      step(
        "update",
        "kubernetes:core/v1:ConfigMap",
        `settings-${index}`,
        { data: { A: "ä" } },
        { data: { A: "ö".repeat(90) } },
      ),
    );
    const comment = commentFor([...many, summary({ update: 2000 })]);
    assert.ok(Buffer.byteLength(comment) <= LONGEST_COMMENT);
    const shown = comment.match(/<details>/g)!.length;
    assert.equal(comment.match(/<\/details>/g)!.length, shown);
    assert.match(
      comment,
      new RegExp(`\\n… and ${2000 - shown} more resources: .make preview STAGE=qa. shows all\\n$`),
    );
  });
});

describe("the comment on a pull request", () => {
  let github: FakeGithub;
  const BODY = `${markerOf("qa")}\nfirst`;

  beforeEach(async () => {
    github = new FakeGithub();
    await github.start();
  });
  afterEach(() => github.stop());

  const write = (body: string) => writeComment({ ...github.repository, number: 12 }, body);
  const other = (id: number, body = "looks good", type = "Bot") => ({
    id,
    body,
    html_url: "",
    user: { type },
  });

  it("is created once, and updated after that, among more comments than one page has", async () => {
    github.comments = Array.from({ length: 150 }, (_, index) => other(index + 1));
    github.comments.push(
      other(151, `quoted:\n${BODY}`),
      other(152, `${markerOf("production")}\nfirst`),
    );
    assert.deepEqual(await write(BODY), { url: "https://example.com/153", updated: false });
    const second = `${markerOf("qa")}\nsecond`;
    assert.deepEqual(await write(second), { url: "https://example.com/153", updated: true });
    assert.equal(github.comments.length, 153);
    assert.equal(github.comments.find(({ id }) => id === 153)!.body, second);
    assert.equal(github.calls.at(-1), "PATCH /repos/acme/todo-app/issues/comments/153");
  });

  it("is found where GitHub has changed the ends of its lines", async () => {
    github.comments = [other(7, BODY.replace("\n", "\r\n"))];
    assert.equal((await write(BODY)).updated, true);
  });

  it("is not that of somebody who could edit it, and not write to the repository", async () => {
    const stranger = { ...other(7, BODY, "User"), author_association: "CONTRIBUTOR" };
    github.comments = [stranger];
    assert.equal((await write(BODY)).updated, false);
    github.comments = [{ ...stranger, author_association: "MEMBER" }];
    assert.equal((await write(BODY)).updated, true);
  });

  it("is refused without a marker, before anything is sent", async () => {
    await assert.rejects(write("no marker"), /has no marker/);
    assert.deepEqual(github.calls, []);
  });

  it("fails with the answer and what to do about it, without the token", async () => {
    for (const [status, fix] of [
      [401, /a token that is valid/],
      [403, /pull-requests: write/],
      [404, /has that pull request/],
    ] as const) {
      github.refuse = status;
      await assert.rejects(write(BODY), (error: OperatorError) => {
        assert.match(error.message, new RegExp(`^GET .*/issues/12/comments.*: ${status} `));
        assert.match(error.fix, fix);
        return !`${error.message}${error.fix}`.includes("Bearer");
      });
    }
  });
});
