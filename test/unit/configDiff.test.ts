import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";

const PROGRAM = fileURLToPath(new URL("../../ops/config-diff.ts", import.meta.url));

describe("config-diff", function () {
  // Each test starts the program a few times.
  this.timeout(30_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "config-diff-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const required = {
    kubernetesContext: "minikube",
    host: "todo.example.com",
    images: { registry: "ghcr.io" },
  };
  const stage = (name: string, settings: Record<string, unknown>) => {
    const entries = Object.entries({ ...required, ...settings });
    const config = Object.fromEntries(entries.map(([key, value]) => [`todo-app:${key}`, value]));
    writeFileSync(join(folder, `Pulumi.${name}.yaml`), stringify({ config }));
  };
  const diff = (...stages: string[]) =>
    spawnSync(process.execPath, [PROGRAM, ...stages], { cwd: folder, encoding: "utf8" });
  /** The printed rows, each as its cells. */
  const rows = (...stages: string[]) => {
    const { stdout, stderr } = diff(...stages);
    assert.equal(stderr, "");
    return stdout.split("\n").flatMap((line) => {
      const [, ...cells] = /^ {2}(\S+) {2,}(.*?) {2,}(.*)$/.exec(line) ?? [];
      return cells.length ? [cells.map((cell) => cell.trim())] : [];
    });
  };

  it("shows the values that differ, side by side, and counts them", () => {
    stage("one", { backend: { replicas: 3 }, placement: "preferred" });
    stage("two", { backend: { replicas: 5 }, placement: "preferred" });
    const { stdout, status } = diff("one", "two");
    assert.equal(status, 0);
    assert.equal(
      stdout,
      "                    one  two\n" +
        "  backend.replicas  3    5\n\n" +
        "1 setting differs between one and two\n",
    );
  });

  it("compares a value that is written in one stage file with the default of the other", () => {
    stage("one", { placement: "any", database: { storage: "1Gi" } });
    stage("two", { placement: "required" });
    stage("three", {});
    assert.deepEqual(rows("two", "three"), [["placement", "required", "any (default)"]]);
    assert.match(diff("one", "three").stdout, /^one and three have the same settings\n$/);
  });

  it("decodes a value that pulumi config set wrote as a string", () => {
    stage("one", { rolloutTimeoutSeconds: "300", protectResources: "true" });
    stage("two", { backend: { autoscaling: { minReplicas: 2, maxReplicas: 4 } } });
    assert.deepEqual(rows("one", "two"), [
      ["backend.autoscaling.minReplicas", "(not set)", "2"],
      ["backend.autoscaling.maxReplicas", "(not set)", "4"],
      ["backend.autoscaling.targetCPUUtilization", "(not set)", "70 (default)"],
      ["protectResources", "true", "false (default)"],
    ]);
  });

  it("never shows a secret, only whether it is set", () => {
    stage("one", { databaseUrl: { secure: "v1:canary" }, openaiApiKey: { secure: "v1:canary" } });
    stage("two", { databaseUrl: "canary-in-clear", openaiApiKey: { secure: "v1:other" } });
    stage("three", { openaiApiKey: "" });
    assert.equal(diff("one", "two").stdout, "one and two have the same settings\n");
    assert.deepEqual(rows("two", "three"), [
      ["databaseUrl", "[secret]", "(not set)"],
      ["openaiApiKey", "[secret]", "(not set)"],
    ]);
    assert.doesNotMatch(diff("two", "three").stdout, /canary/);
  });

  it("shows only the first line of a long value", () => {
    const certificate = (body: string) =>
      `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
    stage("one", { database: { caCertificate: certificate("AAAA") } });
    stage("two", { database: { caCertificate: certificate("BBBB") } });
    const shown = "-----BEGIN CERTIFICATE-----…";
    assert.deepEqual(rows("one", "two"), [["database.caCertificate", shown, shown]]);
  });

  it("is JSON for pipelines, with each setting as its value, secret, or null where it is not set", () => {
    stage("one", { backend: { replicas: 3 }, placement: "preferred" });
    stage("two", { backend: { replicas: 3 }, databaseUrl: { secure: "v1:canary" } });
    const { stdout, stderr, status } = diff("one", "two", "--json");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.deepEqual(JSON.parse(stdout), {
      stages: ["one", "two"],
      differences: [
        {
          key: "placement",
          settings: [
            { value: "preferred", default: false },
            { value: "any", default: true },
          ],
        },
        { key: "databaseUrl", settings: [null, { secret: true }] },
      ],
    });
    assert.deepEqual(JSON.parse(diff("one", "one", "--json").stdout), {
      stages: ["one", "one"],
      differences: [],
    });
  });

  for (const [what, broken, says] of [
    ["a stage without a file", undefined, /no stage "broken".*\n {2}fix: use one of one/],
    [
      "a wrong value",
      { backend: { replicas: 0 } },
      /todo-app:backend\.replicas of broken is wrong; allowed: a whole number from 1 to 50\n {2}fix: /,
    ],
    [
      "an unknown key",
      { hosts: "a.b" },
      /todo-app:hosts of broken is not a setting;.*\n {2}fix: pulumi config rm --stack broken 'todo-app:hosts'/,
    ],
  ] as const)
    it(`refuses ${what}`, () => {
      stage("one", {});
      if (broken) stage("broken", broken);
      const { status, stdout, stderr } = diff("one", "broken");
      assert.deepEqual([status, stdout], [1, ""]);
      assert.match(stderr, says);
    });
});
