/**
 * The path of a stage with a context on machines other than Debian: macOS, and Linux without root. The scripts run with nothing but
 * POSIX tools, which refuse the options of GNU, and with make as if it were 3.81. TEST_BASH names another bash, such as one of
 * version 3.2, which macOS has.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { withFakeCluster } from "./support/fakeCluster.ts";
import { OLD_MAKE, WITHOUT_GNU, providePosixTools, writeProgram } from "./support/posixTools.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BASH = process.env.TEST_BASH ?? "bash";

describe("the scripts on other machines than Debian", function () {
  this.timeout(60_000);
  const { cluster } = withFakeCluster();
  let folder: string;
  let state: string;

  const program = (name: string, script: string) => writeProgram(join(folder, "bin"), name, script);
  /** Puts the official programs of a deploy beside them, which answer for a cluster and an engine that do not exist. */
  const provideFakes = () => {
    const fake = process.env.PATH!.split(":")[0]!;
    program(
      "kubectl",
      `case "$*" in *"--raw /readyz") echo ok ;; *) exec ${fake}/kubectl "$@" ;; esac`,
    );
    program("docker", "exit 0");
    program(
      "pulumi",
      `echo "$*" >>${folder}/calls\ncase $1 in version) echo v3.276.0 ;; *) exit 1 ;; esac`,
    );
    for (const name of [
      "language-nodejs",
      "resource-docker",
      "resource-kubernetes",
      "resource-random",
    ])
      program(`pulumi-${name}`, "exit 0");
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "portable-"));
    state = join(folder, "state/todo-app");
    for (const name of ["bin", "home/.kube", "state/todo-app", "project"])
      mkdirSync(join(folder, name), { recursive: true });
    for (const name of readdirSync(ROOT).filter((name) => name !== ".git"))
      symlinkSync(join(ROOT, name), join(folder, "project", name));
    providePosixTools(join(folder, "bin"), BASH);
    provideFakes();
    const contexts = [{ name: "minikube", context: { cluster: "minikube", user: "minikube" } }];
    writeFileSync(join(folder, "home/.kube/config"), stringify({ apiVersion: "v1", contexts }));
    cluster({ "/api/v1/namespaces/kube-system/services/registry": {} });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const environment = () => ({
    PATH: join(folder, "bin"),
    HOME: join(folder, "home"),
    XDG_STATE_HOME: join(folder, "state"),
    XDG_CACHE_HOME: join(folder, "cache"),
    CLUSTER: "context", // whatever else is wrong, nothing here starts a cluster on this machine
  });
  const run = (command: string, ...args: readonly string[]) => {
    const options = { cwd: join(folder, "project"), env: environment(), encoding: "utf8" } as const;
    const { status, stdout, stderr } = spawnSync(join(folder, "bin", command), args, options);
    return { status, stdout, stderr, output: `${stdout}${stderr}` };
  };
  const make = (...args: readonly string[]) => run("make", ...OLD_MAKE, ...args);
  const links = () => readdirSync(state).filter((name) => name.startsWith("lock"));

  it("find nothing that POSIX does not have, which this test relies on", () => {
    for (const [line, status] of WITHOUT_GNU)
      assert.equal(run("bash", "-c", line).status, status, line);
  });

  it("make help, cluster and env work", () => {
    const help = make("help");
    assert.match(help.stdout, /^ {2}make up +Install what is missing/m, help.output);
    const up = make("cluster");
    assert.equal(up.status, 0, up.output);
    assert.match(
      up.stdout,
      /cluster: the machine's own \(CLUSTER=context, context "minikube" in ~\/\.kube\/config\)/,
    );
    assert.match(up.stdout, /docker: the machine's daemon/);
    assert.match(up.stdout, /provider plugins: official docker .*, kubernetes .*, random [\d.]+$/m);
    assert.equal(up.stderr, "");
    assert.match(readFileSync(join(state, "passphrase"), "utf8"), /^[0-9a-f]{64}$/);
    assert.deepEqual(links(), [], "the lock is released");
    const env = make("--silent", "env");
    assert.equal(env.stderr, "");
    assert.match(env.stdout, /^export KUBECONFIG=.*home\/\.kube\/config$/m);
  });

  it("make preflight checks the cluster", () => {
    const { status, output } = make("preflight");
    assert.equal(status, 0, output);
    assert.match(output, /^nothing that was checked is missing$/m);
  });

  for (const target of ["up", "preview", "down"])
    it(`make ${target} gets as far as the engine`, () => {
      const { output } = make(target);
      assert.match(readFileSync(join(folder, "calls"), "utf8"), /--stack dev\b/, output);
      assert.doesNotMatch(output, /command not found|illegal option|syntax error|unbound variable/);
    });

  it("a Docker that does not answer is named to everybody but root, who may start one", () => {
    program("docker", "exit 1");
    // A copy for which nobody is root, as these tests may run as root.
    const copy = readFileSync(join(ROOT, "local/docker/docker.sh"), "utf8");
    writeFileSync(join(folder, "docker.sh"), copy.replaceAll("EUID == 0", "0"));
    const script = `source local/lib.sh; source ${folder}/docker.sh; ensure_docker`;
    const { status, stderr } = run("bash", "-c", script);
    assert.equal(status, 1);
    assert.match(stderr, /error: Docker does not answer.*\n {2}fix: start Docker Desktop/);
  });

  describe("take their lock without flock", () => {
    /** Runs a script under the name of one that takes the lock, which is how others recognise it. */
    const holder = (script: string) =>
      spawn(join(folder, "bin/bash"), ["-c", `source local/lib.sh; ${script}`, "local/up"], {
        cwd: join(folder, "project"),
        env: environment(),
        stdio: ["ignore", "pipe", "pipe"],
      });
    const ended = async (child: ReturnType<typeof holder>) => {
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
      const code = await new Promise((resolve) => child.on("close", resolve));
      return { code, output };
    };

    it("and wait for a run that holds it", async () => {
      const first = ended(holder("lock_by_link; sleep 2; echo done"));
      while (!links().length) await new Promise((resolve) => setTimeout(resolve, 20));
      const { stdout, status } = run("bash", "-c", "source local/lib.sh; lock_by_link", "local/up");
      assert.equal(status, 0);
      assert.match(
        stdout,
        /another run is under way: waiting for it to end \(lock: .*lock\.link\)/,
      );
      assert.deepEqual(await first, { code: 0, output: "done\n" });
      assert.deepEqual(links(), []);
    });

    it("and remove that of a killed run, one at a time", async () => {
      symlinkSync("99999999", join(state, "lock.link"));
      const alone = `lock_by_link; mkdir "$HOME/alone"; sleep 0.3; rmdir "$HOME/alone"`;
      const runs = await Promise.all([1, 2, 3, 4].map(() => ended(holder(alone))));
      for (const { code, output } of runs) assert.equal(code, 0, output);
      assert.deepEqual(links(), []);
    });

    it("and release it when they fail", async () => {
      const { code } = await ended(holder("lock_by_link; false"));
      assert.equal(code, 1);
      assert.deepEqual(links(), []);
    });
  });
});
