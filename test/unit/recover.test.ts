/** What happens to an object that an interrupted deploy may have created: only what the cluster says decides. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { OperatorError } from "../../ops/lib/errors.ts";
import { settlePendingOperations } from "../../ops/lib/state/recover.ts";

const URN = "urn:pulumi:qa::todo-app::kubernetes:core/v1:Secret::auth";
const STATE = {
  version: 3,
  deployment: {
    resources: [
      { urn: "urn:pulumi:qa::todo-app::pulumi:pulumi:Stack::qa", type: "pulumi:pulumi:Stack" },
    ],
    pending_operations: [
      {
        type: "creating",
        resource: {
          urn: URN,
          type: "kubernetes:core/v1:Secret",
          inputs: {
            apiVersion: "v1",
            kind: "Secret",
            metadata: { name: "auth-1", namespace: "todo-app-qa" },
          },
        },
      },
    ],
  },
};

describe("an object that an interrupted deploy was creating", () => {
  let folder: string;
  const outside = { path: process.env.PATH, home: process.env.XDG_STATE_HOME };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "recover-"));
    mkdirSync(join(folder, "bin"));
    process.env.PATH = `${join(folder, "bin")}${delimiter}${outside.path}`;
    process.env.XDG_STATE_HOME = folder;
    writeFileSync(join(folder, "state.json"), JSON.stringify(STATE));
    // Stands for `pulumi stack export`; the configuration is that of the file.
    program("pulumi", `[[ $* == "stack export"* ]] && cat ${folder}/state.json`);
    writeFileSync(join(folder, "qa.yaml"), "config: { todo-app:kubernetesContext: qa }\n");
  });
  afterEach(() => {
    process.env.PATH = outside.path;
    if (outside.home === undefined) delete process.env.XDG_STATE_HOME;
    else process.env.XDG_STATE_HOME = outside.home;
    rmSync(folder, { recursive: true });
  });

  const program = (name: string, script: string) => {
    writeFileSync(join(folder, "bin", name), `#!/bin/bash\n${script}\n`);
    chmodSync(join(folder, "bin", name), 0o755);
  };

  /** @returns the resources that are taken into the state; undefined when it stays as it is */
  const settle = async (): Promise<readonly { urn: string; id?: string }[] | undefined> => {
    let imported: typeof STATE | undefined;
    const stack = {
      name: "qa",
      refresh: () => Promise.resolve({}),
      importStack: (state: typeof STATE) => Promise.resolve(void (imported = state)),
    } as unknown as Stack;
    await settlePendingOperations({ name: "qa", file: join(folder, "qa.yaml") }, stack);
    return imported?.deployment.resources.slice(1);
  };

  it("is taken into the state if it exists and the deploy created it", async () => {
    program("kubectl", "echo pulumi-kubernetes-1234abcd kubelet");
    assert.deepEqual(
      (await settle())?.map(({ urn, id }) => [urn, id]),
      [[URN, "todo-app-qa/auth-1"]],
    );
  });

  it("is left to its owner if somebody else created it", async () => {
    program("kubectl", "echo kubectl-create");
    assert.deepEqual(await settle(), []);
  });

  it("is removed from the state if the cluster says that it does not exist", async () => {
    const says = 'Error from server (NotFound): secrets "auth-1" not found';
    program("kubectl", `echo '${says}' >&2; exit 1`);
    assert.deepEqual(await settle(), []);
  });

  for (const says of [
    "Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout",
    'Error from server (Forbidden): secrets "auth-1" is forbidden',
    "error: You must be logged in to the server (Unauthorized)",
  ])
    it(`is not removed from the state if kubectl says "${says}"`, async () => {
      program("kubectl", `echo '${says}' >&2; exit 1`);
      await assert.rejects(settle(), (error) => {
        assert.ok(error instanceof OperatorError);
        assert.ok(error.message.includes(says), error.message);
        assert.match(error.message, /whether the interrupted deploy created Secret auth-1/);
        assert.match(error.fix, /make up STAGE=qa again/);
        return true;
      });
    });
});
