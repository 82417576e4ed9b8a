import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { callInProcess } from "./support/inProcess.ts";

const PROGRAM = fileURLToPath(new URL("../../ops/config-diff.ts", import.meta.url));

describe("config-diff", function () {
  // The first call loads Pulumi's SDK, and some calls start the program.
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
  const diff = (...stages: string[]) => callInProcess("config-diff.ts", stages, folder);
  /** Runs it in a process of its own. */
  const start = (...stages: string[]) =>
    spawnSync(process.execPath, [PROGRAM, ...stages], { cwd: folder, encoding: "utf8" });
  /** The printed rows, each as its cells. */
  const rows = async (...stages: string[]) => {
    const { stdout, stderr } = await diff(...stages);
    assert.equal(stderr, "");
    return stdout.split("\n").flatMap((line) => {
      const [, ...cells] = /^ {2}(\S+) {2,}(.*?) {2,}(.*)$/.exec(line) ?? [];
      return cells.length ? [cells.map((cell) => cell.trim())] : [];
    });
  };

  it("shows the values that differ, side by side, and counts them", async () => {
    stage("one", { backend: { replicas: 3 }, placement: "preferred" });
    stage("two", { backend: { replicas: 5 }, placement: "preferred" });
    const { stdout, code } = await diff("one", "two");
    assert.equal(code, 0);
    assert.equal(
      stdout,
      "                    one  two\n" +
        "  backend.replicas  3    5\n\n" +
        "1 setting differs between one and two\n",
    );
  });

  it("compares a value that is written in one stage file with the default of the other", async () => {
    stage("one", { placement: "any", database: { storage: "1Gi" } });
    stage("two", { placement: "required" });
    stage("three", {});
    assert.deepEqual(await rows("two", "three"), [["placement", "required", "any (default)"]]);
    assert.match((await diff("one", "three")).stdout, /^one and three have the same settings\n$/);
  });

  it("decodes a value that pulumi config set wrote as a string", async () => {
    stage("one", { rolloutTimeoutSeconds: "300", protectResources: "true" });
    stage("two", { backend: { autoscaling: { minReplicas: 2, maxReplicas: 4 } } });
    assert.deepEqual(await rows("one", "two"), [
      ["backend.autoscaling.minReplicas", "(not set)", "2"],
      ["backend.autoscaling.maxReplicas", "(not set)", "4"],
      ["backend.autoscaling.targetCPUUtilization", "(not set)", "70 (default)"],
      ["protectResources", "true", "false (default)"],
    ]);
  });

  it("never shows a secret, only whether it is set", async () => {
    stage("one", { databaseUrl: { secure: "v1:canary" }, openaiApiKey: { secure: "v1:canary" } });
    stage("two", { databaseUrl: "canary-in-clear", openaiApiKey: { secure: "v1:other" } });
    stage("three", { openaiApiKey: "" });
    assert.equal((await diff("one", "two")).stdout, "one and two have the same settings\n");
    assert.deepEqual(await rows("two", "three"), [
      ["databaseUrl", "[secret]", "(not set)"],
      ["openaiApiKey", "[secret]", "(not set)"],
    ]);
    assert.doesNotMatch((await diff("two", "three")).stdout, /canary/);
  });

  it("shows only the first line of a long value", async () => {
    const certificate = (body: string) =>
      `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
    stage("one", { database: { caCertificate: certificate("AAAA") } });
    stage("two", { database: { caCertificate: certificate("BBBB") } });
    const shown = "-----BEGIN CERTIFICATE-----…";
    assert.deepEqual(await rows("one", "two"), [["database.caCertificate", shown, shown]]);
  });

  it("is JSON for pipelines, with each setting as its value, secret, or null where it is not set", () => {
    stage("one", { backend: { replicas: 3 }, placement: "preferred" });
    stage("two", { backend: { replicas: 3 }, databaseUrl: { secure: "v1:canary" } });
    const { stdout, stderr, status } = start("one", "two", "--json");
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
    assert.deepEqual(JSON.parse(start("one", "one", "--json").stdout), {
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
    it(`refuses ${what}`, async () => {
      stage("one", {});
      if (broken) stage("broken", broken);
      const { code, stdout, stderr } = await diff("one", "broken");
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, says);
    });
});
