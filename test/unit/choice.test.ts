/** Which cluster, which state and which stage file the commands of a stage use. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { requireLocalCluster } from "../e2e/support/localCluster.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

type Environment = Readonly<Record<string, string | undefined>>;

describe("the cluster of a stage", function () {
  this.timeout(30_000);
  let folder: string;
  let state: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "choice-"));
    state = join(folder, "state/todo-app");
    for (const name of ["bin", "home/.kube", "home/.pulumi", "state/todo-app"])
      mkdirSync(join(folder, name), { recursive: true });
    for (const name of ["local", "node_modules", "ops"])
      symlinkSync(join(ROOT, name), join(folder, name));
    writeFileSync(join(folder, "Pulumi.yaml"), "name: todo-app\n");
    stage("dev", "minikube");
    stage("staging", "staging");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const stage = (name: string, context: string, more = "") =>
    writeFileSync(
      join(folder, `Pulumi.${name}.yaml`),
      `${more}config:\n  todo-app:kubernetesContext: ${context}\n`,
    );
  const kubeconfig = (file: string, ...contexts: string[]) => {
    const path = join(folder, file);
    const entry = (name: string) => ({ name, context: { cluster: "a", user: "b" } });
    writeFileSync(path, stringify({ apiVersion: "v1", contexts: contexts.map(entry) }));
    return path;
  };
  const remember = (name: string, choice: string) =>
    run([
      "bash",
      "-c",
      `source local/lib.sh; source local/stage/stage.sh; remember_cluster ${name} ${choice}`,
    ]);
  /** Runs a command with a home folder of its own, as on another machine. */
  const run = ([command, ...args]: readonly [string, ...string[]], more: Environment = {}) => {
    const env = {
      PATH: `${folder}/bin:${process.env.PATH}`,
      HOME: join(folder, "home"),
      XDG_STATE_HOME: join(folder, "state"),
      XDG_CACHE_HOME: join(folder, "cache"),
      ...more,
    };
    return spawnSync(command, args, { cwd: folder, env, encoding: "utf8" });
  };
  /** The environment of a stage's commands, or the error if there is none. */
  const settings = (name: string, more: Environment = {}) => {
    const { stdout, stderr, status } = run(["local/env", name], more);
    const value = (key: string) =>
      new RegExp(`^export ${key}=(.*)$`, "m").exec(stdout)?.[1]?.replaceAll("\\", "");
    return { value, stdout, stderr, status };
  };
  const isLocal = ({ value, stderr }: ReturnType<typeof settings>) => {
    assert.equal(value("KUBECONFIG"), join(state, "kubeconfig"), stderr);
    assert.equal(value("PULUMI_BACKEND_URL"), `file://${state}/pulumi?metadata=skip`);
  };
  const isOwn = ({ value, stderr }: ReturnType<typeof settings>, files: string) => {
    assert.equal(value("KUBECONFIG"), files, stderr);
    assert.equal(value("PULUMI_BACKEND_URL"), `file://${state}/stacks?metadata=skip`);
  };

  describe("whose context the machine knows", () => {
    it("is that one", () => {
      const file = kubeconfig("home/.kube/config", "other", "staging");
      isOwn(settings("staging"), file);
    });

    it("is that one for every command, even before the first make up", () => {
      const KUBECONFIG = kubeconfig("exported", "staging");
      isOwn(settings("staging", { KUBECONFIG }), KUBECONFIG);
      const { stdout } = run(["local/stage-file", "staging"], { KUBECONFIG });
      assert.equal(stdout, "Pulumi.staging.yaml\n");
    });

    it("is found in a list of files, of which some may not exist", () => {
      const list = [kubeconfig("one", "a"), "/nonexistent", kubeconfig("two", "staging")];
      const KUBECONFIG = list.join(delimiter);
      isOwn(settings("staging", { KUBECONFIG }), KUBECONFIG);
    });

    for (const [written, context, more] of [
      ['"arn:aws:eks:eu-west-1:1:cluster/a" # ours', "arn:aws:eks:eu-west-1:1:cluster/a"],
      ["'kind-team a'", "kind-team a"],
      ["*shared", "team", "shared: &shared team\n"],
      ["2024", "2024"],
    ] as const)
      it(`is found by a context that is written as ${written}`, () => {
        stage("staging", written, more);
        const file = kubeconfig("home/.kube/config", "staging", context);
        isOwn(settings("staging"), file);
      });

    it("is found by a context that the stage file gets through a merge key", () => {
      const shared = "x: &x { todo-app:kubernetesContext: team }\nconfig: { <<: *x }\n";
      writeFileSync(join(folder, "Pulumi.staging.yaml"), shared);
      const file = kubeconfig("home/.kube/config", "team");
      isOwn(settings("staging"), file);
    });

    it("keeps its state in the backend that the user has chosen", () => {
      kubeconfig("home/.kube/config", "staging");
      const backend = (more: Environment = {}) => settings("staging", more).stdout;
      assert.match(backend(), /PULUMI_BACKEND_URL/);
      for (const more of [{ PULUMI_BACKEND_URL: "s3://team" }, { PULUMI_ACCESS_TOKEN: "token" }])
        assert.doesNotMatch(backend(more), /PULUMI_(BACKEND_URL|CONFIG_PASSPHRASE)/);
      writeFileSync(join(folder, "Pulumi.yaml"), "name: a\nbackend: { url: s3://team }\n");
      assert.doesNotMatch(backend(), /PULUMI_BACKEND_URL/);
      writeFileSync(join(folder, "Pulumi.yaml"), "name: a\n");
      writeFileSync(join(folder, "home/.pulumi/credentials.json"), '{"current": "s3://team"}');
      assert.doesNotMatch(backend(), /PULUMI_BACKEND_URL/);
      assert.match(backend({ PULUMI_CREDENTIALS_PATH: "/nowhere" }), /PULUMI_BACKEND_URL/);
    });

    it("must answer; otherwise the error names it and says how to use another", () => {
      const file = kubeconfig("home/.kube/config", "staging");
      writeFileSync(join(folder, "bin/kubectl"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
      const { stdout, stderr, status } = run(["local/up", "staging"]);
      assert.equal(status, 1);
      assert.match(stdout, /cluster: the machine's own \(context "staging" in ~\/\.kube\/config\)/);
      assert.ok(stderr.includes(`the cluster of context "staging" in ${file} does not answer`));
      assert.match(stderr, /fix: start it, or .*make up STAGE=staging CLUSTER=local/);
    });
  });

  describe("whose context the machine does not know", () => {
    it("is a local one for dev", () => isLocal(settings("dev")));

    it("is an error for any other stage, so that a forgotten KUBECONFIG starts no local cluster", () => {
      kubeconfig("home/.kube/config", "minikube");
      for (const command of ["local/up", "local/env", "local/stage-file"] as const) {
        const { stdout, stderr, status } = run([command, "staging"]);
        assert.equal(status, 1);
        assert.equal(stdout, "");
        assert.match(stderr, /no context "staging" in ~\/\.kube\/config, which stage staging is/);
        assert.match(stderr, /fix: point KUBECONFIG at .*make up STAGE=staging CLUSTER=local\n$/);
      }
      assert.ok(!existsSync(join(state, "pulumi")), "no state either");
    });

    it("is an error for dev too if the context's cluster was asked for", () => {
      const { stderr } = settings("dev", { CLUSTER: "context", KUBECONFIG: "/one:/two" });
      assert.match(stderr, /no context "minikube" in \/one:\/two, which stage dev is deployed to/);
    });

    it("is not taken from a shell that has the settings of the local cluster", () => {
      const KUBECONFIG = kubeconfig("state/todo-app/kubeconfig", "minikube", "staging");
      const PULUMI_BACKEND_URL = `file://${state}/pulumi?metadata=skip`;
      const shell = { KUBECONFIG, PULUMI_BACKEND_URL };
      assert.match(settings("staging", shell).stderr, /no context "staging" in ~\/\.kube\/config/);
      const file = kubeconfig("home/.kube/config", "staging");
      isOwn(settings("staging", shell), file);
      const list = [KUBECONFIG, kubeconfig("other", "staging")].join(delimiter);
      isOwn(settings("staging", { KUBECONFIG: list }), join(folder, "other"));
      const { stdout } = settings("staging", { ...shell, PULUMI_ACCESS_TOKEN: "token" });
      assert.match(stdout, /^unset PULUMI_BACKEND_URL$/m, "nor its state");
    });

    it("is reported as unknown if the stage file names no context", () => {
      writeFileSync(join(folder, "Pulumi.staging.yaml"), "environment: [team]\n");
      assert.match(settings("staging").stderr, /Pulumi\.staging\.yaml names no context\n {2}fix: /);
      const file = kubeconfig("home/.kube/config", "team");
      isOwn(settings("staging", { CLUSTER: "context" }), file);
    });
  });

  describe("that was asked for", () => {
    it("is the local one with a state of its own, whichever contexts the machine has", () => {
      kubeconfig("home/.kube/config", "staging");
      writeFileSync(join(folder, "home/.pulumi/credentials.json"), '{"current": "s3://team"}');
      const login = { PULUMI_BACKEND_URL: "s3://team", PULUMI_ACCESS_TOKEN: "token" };
      isLocal(settings("staging", { CLUSTER: "local", ...login }));
    });

    it("is remembered until another one is asked for", () => {
      const file = kubeconfig("home/.kube/config", "staging");
      remember("staging", "local");
      isLocal(settings("staging"));
      isOwn(settings("staging", { CLUSTER: "context" }), file);
      remember("staging", "context");
      isOwn(settings("staging"), file);
    });

    it("stays the local one even if the context exists, with a note that says how to change that", () => {
      kubeconfig("home/.kube/config", "staging");
      remember("staging", "local");
      const { stdout } = run(["node", "ops/lib/chooseCluster.ts", "staging", folder, state]);
      assert.match(
        stdout,
        /REASON='as CLUSTER=local said before; CLUSTER=context uses context "staging" in ~\/\.kube/,
      );
    });

    it("is remembered if it was given to make, but not if it is set in the environment", () => {
      const dryRun = (args: readonly string[], more: Environment = {}) => {
        const env = { ...process.env, MAKEFLAGS: undefined, CLUSTER: undefined, ...more };
        const options = { cwd: ROOT, env, encoding: "utf8" } as const;
        return spawnSync("make", ["-n", "cluster", "STAGE=qa", ...args], options).stdout;
      };
      assert.match(dryRun(["CLUSTER=local"]), /^local\/up qa local *$/m);
      assert.match(dryRun([], { CLUSTER: "local" }), /^local\/up qa *$/m);
    });

    it("must be one of the two", () => {
      const { stderr } = settings("dev", { CLUSTER: "minikube" });
      assert.match(stderr, /CLUSTER=minikube is neither local nor context\n {2}fix: CLUSTER=local/);
    });
  });

  it("is not looked for if there is no such stage", () => {
    assert.match(settings("moon").stderr, /no Pulumi\.moon\.yaml\n {2}fix: .*Pulumi\.dev\.yaml/);
  });

  describe("whose stack is in an organisation", () => {
    const STACK = "acme/todo-app/staging";

    it("is that of the stage's file, with the state in the backend that the user has chosen", () => {
      const file = kubeconfig("home/.kube/config", "staging");
      const login = { PULUMI_ACCESS_TOKEN: "token" };
      const { value, stderr } = settings(STACK, login);
      assert.equal(value("KUBECONFIG"), file, stderr);
      assert.equal(value("PULUMI_BACKEND_URL"), undefined);
      assert.equal(run(["local/stage-file", STACK], login).stdout, "Pulumi.staging.yaml\n");
      remember("staging", "context");
      assert.match(
        run(["node", "ops/lib/chooseCluster.ts", STACK, folder, state], login).stdout,
        /REASON='as CLUSTER=context said before/,
      );
    });

    it("is refused where the state is a file on this machine, so that no second state begins there", () => {
      kubeconfig("home/.kube/config", "staging");
      assert.match(
        settings(STACK).stderr,
        /STAGE=acme\/todo-app\/staging names an organisation.*\n {2}fix: log in .*or use STAGE=staging\n$/,
      );
      assert.match(
        settings(STACK, { CLUSTER: "local", PULUMI_ACCESS_TOKEN: "token" }).stderr,
        /names an organisation.*\n {2}fix: on the local cluster, use STAGE=staging\n$/,
      );
      assert.ok(!existsSync(join(state, "stacks")));
    });

    it("is called by its full name in errors, and by its own name where make names its file", () => {
      assert.match(
        settings(STACK).stderr,
        /make up STAGE=acme\/todo-app\/staging CLUSTER=local\n$/,
      );
      const { stdout } = spawnSync("make", ["-n", "login", `STAGE=${STACK}`], {
        cwd: ROOT,
        env: { ...process.env, MAKEFLAGS: undefined },
        encoding: "utf8",
      });
      assert.match(stdout, /^node ops\/login\.ts acme\/todo-app\/staging Pulumi\.staging\.yaml/m);
    });
  });

  describe("that an earlier version used last", () => {
    const before = () => {
      mkdirSync(join(state, "pulumi"));
      writeFileSync(join(state, "pulumi/dev.json"), "{}");
      writeFileSync(join(state, "machine-context"), "");
      return kubeconfig("home/.kube/config", "minikube");
    };

    it("keeps its state if it was the cluster of a context", () => {
      const file = before();
      isOwn(settings("dev"), file);
      assert.equal(readFileSync(join(state, "stacks/dev.json"), "utf8"), "{}");
      assert.ok(!existsSync(join(state, "pulumi")));
    });

    it("leaves the state to the local cluster if that exists too", () => {
      mkdirSync(join(state, "cluster"));
      before();
      settings("dev");
      for (const name of ["pulumi", "stacks"]) assert.ok(existsSync(join(state, name, "dev.json")));
    });
  });
});

describe("the tests", () => {
  const env = {
    XDG_STATE_HOME: "/state",
    CLUSTER: "local",
    KUBECONFIG: "/state/todo-app/kubeconfig",
    PULUMI_BACKEND_URL: "file:///state/todo-app/pulumi?metadata=skip",
  };

  it("refuse every cluster but the local one, and every state but its own", () => {
    requireLocalCluster(env);
    for (const wrong of [
      { CLUSTER: undefined },
      { CLUSTER: "context" },
      { KUBECONFIG: undefined },
      { KUBECONFIG: "/home/me/.kube/config" },
      { KUBECONFIG: `${env.KUBECONFIG}:/home/me/.kube/config` },
      { PULUMI_BACKEND_URL: undefined },
      { PULUMI_BACKEND_URL: "s3://team" },
      { PULUMI_BACKEND_URL: "file:///state/todo-app/stacks?metadata=skip" },
    ])
      assert.throws(() => requireLocalCluster({ ...env, ...wrong }), /on the local cluster only/);
  });

  it("use the local cluster, whichever contexts this machine has and whatever was given to make", () => {
    const folder = mkdtempSync(join(tmpdir(), "run-"));
    try {
      mkdirSync(join(folder, "test"));
      const suite = "#!/bin/bash\nmake --no-print-directory inner\n";
      writeFileSync(join(folder, "test/prerequisites.sh"), suite, { mode: 0o755 });
      const run = `node ${join(ROOT, "test/run.ts")} tools`;
      const makefile = `outer:\n\t@${run}\ninner:\n\t@echo ok CLUSTER=$(CLUSTER) YES=$(YES)\n`;
      writeFileSync(join(folder, "Makefile"), makefile);
      const env = { ...process.env, MAKEFLAGS: undefined, CLUSTER: "context" };
      const { stdout, stderr } = spawnSync("make", ["outer", "CLUSTER=context", "YES=0"], {
        cwd: folder,
        env,
        encoding: "utf8",
      });
      assert.match(stdout, /^ok CLUSTER=local YES=1$/m, stderr);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
