import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { verifyCluster } from "../../ops/clusterIdentity.ts";
import type { OperatorError } from "../../ops/command.ts";
import type { State } from "../../ops/recover.ts";

const resource = (type: string, name: string, outputs: object = {}) => ({
  urn: `urn:pulumi:staging::todo-app::${type}::${name}`,
  type,
  outputs,
});
const NAMESPACE = resource("kubernetes:core/v1:Namespace", "app", {
  metadata: { name: "todo-app-staging", uid: "uid-of-namespace" },
});
const PASSWORD = resource("random:index/randomPassword:RandomPassword", "secrets-auth-v1");
const state = (outputs: object): State => ({
  version: 3,
  deployment: {
    resources: [
      resource("pulumi:pulumi:Stack", "todo-app-staging", outputs),
      resource("pulumi:providers:kubernetes", "cluster"),
      NAMESPACE,
      PASSWORD,
    ] as never,
  },
});

/** Answers with the uid of the file that is named after the namespace. */
const KUBECTL = `#!/bin/bash
cd "\${0%/*}" || exit
case "$*" in
  *"config view"*) echo https://live.example.com; exit ;;
  *" get namespace "*) arguments=("$@"); cat "\${arguments[4]}" 2>/dev/null; exit 0 ;;
esac
exit 1
`;

describe("the cluster that a stack records", () => {
  let folder: string;
  let imported: any;
  const originalPath = process.env.PATH;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "identity-"));
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin/kubectl"), KUBECTL);
    chmodSync(join(folder, "bin/kubectl"), 0o755);
    process.env.PATH = `${folder}/bin:${originalPath}`;
    imported = undefined;
  });
  afterEach(() => {
    process.env.PATH = originalPath;
    delete process.env.NEW_CLUSTER;
    rmSync(folder, { recursive: true });
  });

  const live = (namespace: string, uid: string) =>
    writeFileSync(join(folder, "bin", namespace), uid);
  const stack = {
    name: "staging",
    importStack: (deployment: unknown) => Promise.resolve(void (imported = deployment)),
  } as unknown as Stack;
  const verify = (recorded: State) => verifyCluster(stack, recorded, "staging");
  const refusal = async (recorded: State) => {
    try {
      await verify(recorded);
    } catch (error) {
      return error as OperatorError;
    }
    throw new Error("it was accepted");
  };

  it("is accepted where it is the one of the context, or none is recorded", async () => {
    live("kube-system", "uid-1");
    await verify(state({ cluster: "uid-1" }));
    await verify({ version: 3, deployment: { resources: [] } });
    await verify({ version: 3, deployment: {} });
  });

  it("is refused where the context leads to another, with both named", async () => {
    live("kube-system", "uid-2");
    const { message, fix } = await refusal(state({ cluster: "uid-1" }));
    assert.match(message, /stack staging was deployed to another cluster than that of context/);
    assert.match(message, /recorded: .*uid-1/);
    assert.match(message, /context "staging" \(https:\/\/live\.example\.com\): uid-2/);
    assert.match(message, /nothing was changed/);
    assert.match(fix, /KUBECONFIG.*make up STAGE=staging NEW_CLUSTER=1 .*its data is lost/);
  });

  it("is known by the app's namespace in a state that is older than the output", async () => {
    live("todo-app-staging", "uid-of-namespace");
    await verify(state({}));
    live("todo-app-staging", "another");
    assert.match((await refusal(state({}))).message, /namespace todo-app-staging has the uid/);
  });

  it("that is gone leaves no stack that is said to be up: a new, empty cluster is refused too", async () => {
    assert.match((await refusal(state({}))).message, /no such namespace/);
  });

  it("is forgotten on request, but not the generated secrets", async () => {
    process.env.NEW_CLUSTER = "1";
    live("kube-system", "uid-2");
    await verify(state({ cluster: "uid-1" }));
    const types = imported.deployment.resources.map(({ type }: { type: string }) => type);
    assert.deepEqual(types, ["pulumi:pulumi:Stack", PASSWORD.type]);
  });
});
