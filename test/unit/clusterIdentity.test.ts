import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import {
  adoptNewCluster,
  forgetCluster,
  verifyCluster,
} from "../../ops/lib/state/clusterIdentity.ts";
import { OperatorError } from "../../ops/lib/errors.ts";
import type { State } from "../../ops/lib/state/state.ts";

const urn = (type: string, name: string) => `urn:pulumi:staging::todo-app::${type}::${name}`;
const resource = (type: string, name: string, more: object = {}) => ({
  urn: urn(type, name),
  type,
  ...more,
});
const NAMESPACE = "kubernetes:core/v1:Namespace";
const namespace = (logicalName: string, name: string) => {
  const metadata = { name, uid: `uid-of-${name}`, creationTimestamp: "2026-01-02T00:00:00Z" };
  return resource(NAMESPACE, logicalName, { outputs: { metadata } });
};
const APP = namespace("app", "todo-app-staging");
const KUBE_SYSTEM = namespace("kube-system", "kube-system");
const stackWith = (outputs: object) => resource("pulumi:pulumi:Stack", "todo-app", { outputs });
const stateOf = (...resources: object[]): State => ({
  version: 3,
  deployment: { resources: resources as never },
});

/** A kubectl that reads namespaces from files beside it, each with its uid and time of creation. */
const KUBECTL = `#!/bin/bash
cd "\${0%/*}" || exit
[[ $1 == --context=staging ]] || exit 1
case "$*" in
  *"config view"*) echo https://live.example.com ;;
  *" get namespace "*)
    [[ ! -e forbidden ]] || { echo 'Error: namespaces "kube-system" is forbidden' >&2; exit 1; }
    cat "namespace-$5" 2>/dev/null || true ;;
esac
`;

describe("the cluster that a stack records", () => {
  let folder: string;
  const original = { ...process.env };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "identity-"));
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin/kubectl"), KUBECTL);
    chmodSync(join(folder, "bin/kubectl"), 0o755);
    process.env.PATH = `${folder}/bin:${original.PATH}`;
    process.env.XDG_STATE_HOME = folder;
  });
  afterEach(() => {
    process.env.PATH = original.PATH;
    if (original.XDG_STATE_HOME) process.env.XDG_STATE_HOME = original.XDG_STATE_HOME;
    else delete process.env.XDG_STATE_HOME;
    rmSync(folder, { recursive: true });
  });

  const live = (name: string, uid: string, since = "2026-01-01T00:00:00Z") =>
    writeFileSync(join(folder, "bin", `namespace-${name}`), `${uid} ${since}\n`);
  const verify = (state: State) => verifyCluster("staging", state, "staging");
  const refusal = async (state: State) => {
    try {
      await verify(state);
    } catch (error) {
      assert.ok(error instanceof OperatorError);
      return error;
    }
    throw new Error("it was accepted");
  };

  it("is the one of the context", async () => {
    live("kube-system", "uid-of-kube-system");
    await verify(stateOf(stackWith({ cluster: "uid-of-kube-system" }), APP));
  });

  it("is none before the first deploy", async () => {
    await verify(stateOf());
    await verify({ version: 3, deployment: {} });
  });

  it("must be the one of the context; otherwise the error names both", async () => {
    live("kube-system", "uid-2");
    const { message, fix } = await refusal(stateOf(stackWith({ cluster: "uid-1" }), APP));
    assert.match(message, /^staging was deployed to another cluster, and nothing was changed:/);
    assert.match(message, /recorded: namespace kube-system with the uid uid-1\n/);
    assert.match(
      message,
      /found: .* uid uid-2, at https:\/\/live\.example\.com \(context "staging"\)/,
    );
    assert.match(fix, /KUBECONFIG.*make up STAGE=staging NEW_CLUSTER=1 .*from a backup/);
  });

  it("must be the one of the context even after a failed first deploy, which has no outputs", async () => {
    live("kube-system", "uid-2");
    live("todo-app-staging", "uid-of-todo-app-staging");
    const { message } = await refusal(stateOf(stackWith({}), KUBE_SYSTEM, APP));
    assert.match(message, /recorded: namespace kube-system with the uid uid-of-kube-system\n/);
  });

  describe("in a state of an earlier version, with the app's namespace alone", () => {
    const state = stateOf(stackWith({ url: "https://a" }), APP);

    it("is the cluster that has that namespace", async () => {
      live("todo-app-staging", "uid-of-todo-app-staging");
      await verify(state);
    });

    it("is not a cluster with another namespace of the same name", async () => {
      live("todo-app-staging", "another");
      const { message } = await refusal(state);
      assert.match(message, /namespace todo-app-staging with the uid another, at/);
    });

    it("is not a new, empty cluster", async () => {
      live("kube-system", "uid-2", "2026-03-01T00:00:00Z");
      const { message } = await refusal(state);
      assert.match(message, /no namespace todo-app-staging, at/);
    });

    it("may have lost the namespace", async () => {
      live("kube-system", "uid-1");
      await verify(state);
    });
  });

  it("must be readable", async () => {
    writeFileSync(join(folder, "bin/forbidden"), "");
    const { message, fix } = await refusal(stateOf(stackWith({ cluster: "uid-1" })));
    assert.match(message, /identity of the cluster can't be read: .*forbidden/);
    assert.match(fix, /context "staging" must be allowed to get the namespace kube-system/);
  });

  describe("and that is gone for good", () => {
    const RANDOM = "random:index/randomPassword:RandomPassword";
    const IMAGE = "docker:index/image:Image";
    const PASSWORD = resource(RANDOM, "auth", { outputs: { result: { ciphertext: "secret" } } });
    const dependencies = [APP.urn, PASSWORD.urn];
    const service = resource("todo-app:index:WebService", "backend", { dependencies });
    const dependent = resource(RANDOM, "b", {
      dependencies,
      propertyDependencies: { a: [APP.urn] },
    });
    const state: State = stateOf(
      stackWith({ cluster: "uid-1", url: "https://a" }),
      resource("pulumi:providers:kubernetes", "cluster"),
      KUBE_SYSTEM,
      APP,
      PASSWORD,
      resource(IMAGE, "backend-image"),
      service,
      dependent,
    );

    it("leaves the generated secrets in the state, and no reference to the objects of the cluster", () => {
      const { resources } = forgetCluster(state).deployment;
      assert.deepEqual(JSON.parse(JSON.stringify(resources)), [
        stackWith({ url: "https://a" }),
        PASSWORD,
        { ...service, dependencies: [PASSWORD.urn] },
        { ...dependent, dependencies: [PASSWORD.urn], propertyDependencies: { a: [] } },
      ]);
    });

    it("leaves no pending operation in the state", () => {
      const pending_operations = [{ type: "creating", resource: APP }];
      const interrupted = { ...state, deployment: { ...state.deployment, pending_operations } };
      assert.deepEqual(forgetCluster(interrupted).deployment.pending_operations, []);
    });

    const imports: State[] = [];
    const stack = {
      name: "staging",
      importStack: (imported: State) => Promise.resolve(void imports.push(imported)),
    } as unknown as Stack;
    beforeEach(() => imports.splice(0));

    it("is replaced by the new one if that is asked for", async () => {
      live("kube-system", "uid-2");
      const adopted = await adoptNewCluster(stack, state, "staging");
      assert.deepEqual(imports, [forgetCluster(state)]);
      await verify(adopted);
    });

    it("is not replaced while the context still points to it", async () => {
      live("kube-system", "uid-1");
      assert.equal(await adoptNewCluster(stack, state, "staging"), state);
      assert.deepEqual(imports, []);
    });
  });
});
