/** What counts as a change of a checkout, so that a revision says "with local changes" only when there are some. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDirty } from "../../ops/lib/revisions/checkout.ts";

const STAGE_FILE = "Pulumi.dev.yaml";
const SETTINGS = `# why
shared: &shared { className: nginx }
config:
  todo-app:preflight: true
  todo-app:rolloutTimeoutSeconds: 60
  todo-app:route: { <<: *shared }
`;

describe("a checkout", () => {
  const home = process.cwd();
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "checkout-"));
    process.chdir(folder);
    const settings = ["user.name=a", "user.email=a@example.com", "commit.gpgsign=false"];
    const git = (...args: string[]) =>
      execFileSync("git", [...settings.flatMap((setting) => ["-c", setting]), ...args]);
    git("init", "--quiet");
    writeFileSync(STAGE_FILE, SETTINGS);
    writeFileSync("index.ts", "");
    git("add", ".");
    git("commit", "--quiet", "-m", "all");
  });

  afterEach(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true });
  });

  it("has no changes at its commit", async () => {
    assert.equal(await isDirty(), false);
  });

  it("has none after Pulumi added the salt to its stage file and quoted what is no text", async () => {
    const quoted = SETTINGS.replace("true", '"true"').replace("60", '"60"');
    writeFileSync(STAGE_FILE, `${quoted}encryptionsalt: v1:x\n`);
    assert.equal(await isDirty(), false);
  });

  for (const [what, change] of [
    ["another setting", () => writeFileSync(STAGE_FILE, SETTINGS.replace("true", "false"))],
    ["a setting more", () => appendFileSync(STAGE_FILE, "  todo-app:host: todo.example\n")],
    ["another secrets provider", () => appendFileSync(STAGE_FILE, "secretsprovider: awskms://x\n")],
    ["a stage file that is not YAML", () => writeFileSync(STAGE_FILE, "config: [")],
    ["no stage file", () => rmSync(STAGE_FILE)],
    ["another program", () => writeFileSync("index.ts", "changed")],
    ["a file more", () => writeFileSync("more.ts", "")],
    ["no repository", () => rmSync(".git", { recursive: true })],
  ] as const)
    it(`has changes with ${what}`, async () => {
      change();
      assert.equal(await isDirty(), true);
    });
});
