/** Which cluster and which state backend the commands of a stage use. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { requireLocalCluster } from "../e2e/support/localCluster.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Knows the contexts of the files that KUBECONFIG names, one a line. */
const KUBECTL = `#!/bin/bash
[[ $* == "config get-contexts "* ]] || exit 1
IFS=: read -ra files <<<"$KUBECONFIG"
cat "\${files[@]}" 2>/dev/null | grep -qxF "\${*: -1}"
`;

describe("the cluster of a stage", function () {
  this.timeout(30_000);
  let folder: string;
  let state: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "choice-"));
    state = join(folder, "state/todo-app");
    mkdirSync(join(folder, "bin"));
    mkdirSync(join(folder, "home/.kube"), { recursive: true });
    symlinkSync(join(ROOT, "local"), join(folder, "local"));
    writeFileSync(join(folder, "bin/kubectl"), KUBECTL);
    chmodSync(join(folder, "bin/kubectl"), 0o755);
    stage("dev", "minikube");
    stage("staging", "staging");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const stage = (name: string, context: string) =>
    writeFileSync(
      join(folder, `Pulumi.${name}.yaml`),
      `config:\n  todo-app:kubernetesContext: ${context}\n`,
    );
  const kubeconfig = (file: string, ...contexts: string[]) => {
    const path = join(folder, file);
    writeFileSync(path, `${contexts.join("\n")}\n`);
    return path;
  };
  /** What `local/env` sets for a stage, or why it does not. */
  const settings = (name: string, more: Readonly<Record<string, string>> = {}) => {
    const { PATH } = process.env;
    const env = {
      PATH: `${folder}/bin:${PATH}`,
      HOME: join(folder, "home"),
      XDG_STATE_HOME: join(folder, "state"),
      XDG_CACHE_HOME: join(folder, "cache"),
      ...more,
    };
    const { stdout, stderr, status } = spawnSync("local/env", [name], {
      cwd: folder,
      env,
      encoding: "utf8",
    });
    const value = (key: string) =>
      new RegExp(`^export ${key}=(.*)$`, "m").exec(stdout)?.[1]?.replaceAll("\\", "");
    return { value, stderr, status };
  };
  const localState = () => `file://${state}/pulumi?metadata=skip`;
  const ownState = () => `file://${state}/stacks?metadata=skip`;
  const localKubeconfig = () => join(state, "kubeconfig");

  it("is the machine's own where its kubeconfig has the context", () => {
    const file = kubeconfig("home/.kube/config", "staging");
    const { value } = settings("staging");
    assert.equal(value("KUBECONFIG"), file);
    assert.equal(value("PULUMI_BACKEND_URL"), ownState());
  });

  it("is found in a list of files", () => {
    const list = [kubeconfig("one", "a"), kubeconfig("two", "staging")].join(delimiter);
    assert.equal(settings("staging", { KUBECONFIG: list }).value("KUBECONFIG"), list);
  });

  for (const [written, context] of [
    ['"arn:aws:eks:eu-west-1:1:cluster/a" # ours', "arn:aws:eks:eu-west-1:1:cluster/a"],
    ["'kind-team a'", "kind-team a"],
  ] as const)
    it(`is found by a context that is written as ${written}`, () => {
      stage("staging", written);
      kubeconfig("home/.kube/config", context);
      assert.equal(settings("staging").value("PULUMI_BACKEND_URL"), ownState());
    });

  it("is a local one for dev where there is no context", () => {
    const { value } = settings("dev");
    assert.equal(value("KUBECONFIG"), localKubeconfig());
    assert.equal(value("PULUMI_BACKEND_URL"), localState());
  });

  it("is not guessed for any other stage: a forgotten KUBECONFIG leads nowhere", () => {
    const { status, stderr } = settings("staging");
    assert.notEqual(status, 0);
    assert.match(stderr, /no context "staging" in ~\/\.kube\/config, which stage staging is/);
    assert.match(stderr, /fix: point KUBECONFIG at .*make up STAGE=staging CLUSTER=local/);
  });

  it("is a local one for any stage when that was asked for, with a state of its own", () => {
    kubeconfig("home/.kube/config", "staging");
    const login = { CLUSTER: "local", PULUMI_BACKEND_URL: "s3://team", PULUMI_ACCESS_TOKEN: "t" };
    const { value } = settings("staging", login);
    assert.equal(value("KUBECONFIG"), localKubeconfig());
    assert.equal(value("PULUMI_BACKEND_URL"), localState());
  });

  it("stays what was said once, for every command", () => {
    mkdirSync(join(state, "clusters"), { recursive: true });
    writeFileSync(join(state, "clusters/staging"), "local\n");
    kubeconfig("home/.kube/config", "staging");
    assert.equal(settings("staging").value("KUBECONFIG"), localKubeconfig());
    const { value } = settings("staging", { CLUSTER: "context" });
    assert.equal(value("PULUMI_BACKEND_URL"), ownState());
  });

  it("is not that of a shell which has the local cluster's settings", () => {
    mkdirSync(state, { recursive: true });
    writeFileSync(localKubeconfig(), "staging\n");
    const shell = { KUBECONFIG: localKubeconfig(), PULUMI_BACKEND_URL: localState() };
    assert.notEqual(settings("staging", shell).status, 0);
    const file = kubeconfig("home/.kube/config", "staging");
    const { value } = settings("staging", shell);
    assert.equal(value("KUBECONFIG"), file);
    assert.equal(value("PULUMI_BACKEND_URL"), ownState());
  });

  it("keeps the login of a stage on the machine's own cluster", () => {
    kubeconfig("home/.kube/config", "staging");
    for (const [key, login] of [
      ["PULUMI_BACKEND_URL", "s3://team"],
      ["PULUMI_ACCESS_TOKEN", "t"],
    ] as const)
      assert.equal(settings("staging", { [key]: login }).value("PULUMI_BACKEND_URL"), undefined);
  });

  it("must be one of the two", () => {
    const { stderr } = settings("dev", { CLUSTER: "minikube" });
    assert.match(stderr, /CLUSTER=minikube is neither local nor context/);
  });
});

describe("tests", () => {
  it("refuse every cluster but the local one", () => {
    const own = { XDG_STATE_HOME: "/state", KUBECONFIG: "/state/todo-app/kubeconfig" };
    requireLocalCluster({ ...own, CLUSTER: "local" });
    for (const env of [
      { ...own, CLUSTER: undefined },
      { ...own, CLUSTER: "local", KUBECONFIG: "/home/me/.kube/config" },
      { ...own, CLUSTER: "local", KUBECONFIG: undefined },
    ])
      assert.throws(() => requireLocalCluster(env), /run on the local cluster only/);
  });
});
