/** Which part of a command `make bench` counts a process for, and what the table says of the parts. */
import assert from "node:assert/strict";
import { partOf } from "../../bench/profile/measureProfile.ts";
import { profileTable } from "../../bench/report/profileTable.ts";

describe("the profile of a command", () => {
  it("knows the part of a process by its command line", () => {
    const sdk = "node /a/node_modules/@pulumi/pulumi/cmd";
    const commands = {
      "/usr/bin/pulumi preview --policy-pack /a/policy/index.ts --stack dev ": "engine",
      "pulumi up ": "engine",
      "/a/pulumi-language-nodejs -root=/a ": "language host",
      "node --stack-trace-limit=20 /a/policy/index.ts 127.0.0.1:1 ": "policies",
      [`${sdk}/run-policy-pack 127.0.0.1:1 `]: "policies",
      [`${sdk}/run/index.js --monitor=127.0.0.1:1 `]: "program",
      "/a/pulumi-resource-kubernetes 127.0.0.1:1 ": "plugin kubernetes",
      "/a/pulumi-resource-docker 127.0.0.1:1 ": "other plugins",
      "node ops/up.ts dev Pulumi.dev.yaml ": "command of make",
      "kubectl --context minikube get pods ": "everything else",
    };
    for (const [command, part] of Object.entries(commands))
      assert.equal(partOf(command), part, command);
  });

  it("is shown as the median of each part, and of all parts of a run together", () => {
    const row = (run: string, part: string, cpu_seconds: string) => ({
      run,
      command: "make up",
      part,
      cpu_seconds,
    });
    const rows = [
      ...[row("1", "engine", "1"), row("1", "program", "5")],
      ...[row("2", "engine", "2"), row("2", "program", "2")],
      ...[row("3", "engine", "3"), row("3", "program", "2")],
    ];
    const [header, , ...lines] = profileTable(rows).split("\n");
    assert.equal(header, "|  | `make up` |");
    assert.deepEqual(lines, ["| engine | 2.00 |", "| program | 2.00 |", "| together | 5.00 |"]);
  });
});
