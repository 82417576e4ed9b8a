/**
 * A stage on a machine without GNU's tools, from a fresh checkout to its end: the scripts find nothing but POSIX tools, as in
 * test/unit/portability.test.ts, and the real Pulumi, kubectl and Docker. The cluster is one that the machine has, by its context.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import pins from "../../config/pins.json" with { type: "json" };
import {
  OLD_MAKE,
  WITHOUT_GNU,
  linkPrograms,
  providePosixTools,
} from "../unit/support/posixTools.ts";
import { send } from "./support/api.ts";
import { attempt, eventually, makeCheckout, sh } from "./support/shell.ts";

const STAGE = "bsd";
const NAMESPACE = `todo-app-${STAGE}`;
const HOST = `${STAGE}.todo-app.local`;
const NOTHING = { create: 0, update: 0, replace: 0, delete: 0, import: 0 };
/** What a deploy needs beside the tools of the scripts. */
const OFFICIAL = [
  ...["pulumi", "pulumi-language-nodejs", "kubectl", "docker"],
  ...["docker", "kubernetes", "random"].map((name) => `pulumi-resource-${name}`),
];

describe("a machine with BSD-like tools", () => {
  let folder: string;
  let cwd: string;

  /** Nothing of this machine's environment but where its Docker is. */
  const environment = () => ({
    PATH: join(folder, "bin"),
    HOME: join(folder, "home"),
    XDG_STATE_HOME: join(folder, "state"),
    XDG_CACHE_HOME: join(folder, "cache"),
    ...(process.env.DOCKER_HOST && { DOCKER_HOST: process.env.DOCKER_HOST }),
    // The plugins that Pulumi has installed, without a login.
    PULUMI_HOME: process.env.PULUMI_HOME ?? join(homedir(), ".pulumi"),
    PULUMI_CREDENTIALS_PATH: join(folder, "home"),
    PULUMI_BACKEND_URL: `file://${join(folder, "stacks")}`,
    PULUMI_CONFIG_PASSPHRASE: "of-this-machine",
    CLUSTER: "context",
    YES: "1",
  });
  /** Runs a program of that machine, also one that fails. */
  const run = (program: string, ...args: readonly string[]) =>
    new Promise<{ code: number; stdout: string; output: string }>((resolve) => {
      let [stdout, output] = ["", ""];
      const child = spawn(join(folder, "bin", program), args, {
        cwd,
        env: environment(),
        stdio: ["ignore", "pipe", "pipe"],
      });
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
      child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
      child.on("close", (code) => resolve({ code: code ?? 1, stdout, output }));
    });
  /** Runs make, which must succeed and miss no tool. */
  async function make(...args: readonly string[]) {
    const { code, stdout, output } = await run("make", ...OLD_MAKE, ...args, `STAGE=${STAGE}`);
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /command not found|illegal option|syntax error|unbound variable/);
    return { stdout, output };
  }
  const servesThePage = async () => {
    const { status, body } = await send(HOST, "/sign-in");
    assert.equal(status, 200);
    assert.match(body, /<html/);
  };

  /** The workloads, each with the version of its settings. */
  const objects = () =>
    sh(
      `kubectl --context minikube --namespace ${NAMESPACE} get deployments,statefulsets,jobs -o custom-columns=N:.metadata.name,G:.metadata.generation,U:.metadata.uid`,
    );

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "todo-app-bsd-"));
    for (const name of ["bin", "home/.kube", "stacks"])
      mkdirSync(join(folder, name), { recursive: true });
    providePosixTools(join(folder, "bin"));
    linkPrograms(join(folder, "bin"), ...OFFICIAL);
    copyFileSync(process.env.KUBECONFIG!, join(folder, "home/.kube/config"));
    cwd = await makeCheckout();
    const images = JSON.parse(await sh("pulumi stack output images --json --stack dev")) as object;
    const config = {
      "pulumi:disable-default-providers": ["kubernetes"],
      "todo-app:kubernetesContext": "minikube",
      "todo-app:host": HOST,
      // Those that dev runs, so that nothing is built.
      "todo-app:images": { registry: "localhost:5000", ...images },
      "todo-app:backend": { replicas: 1 },
      "todo-app:frontend": { replicas: 1 },
      "todo-app:route": { className: "nginx", namespace: "ingress-nginx" },
      // By its tag: the base images of the local cluster may be stand-ins, which have other digests than the official ones.
      "todo-app:database": { mode: "in-cluster", image: pins.images.postgres.name },
    };
    writeFileSync(join(cwd, `Pulumi.${STAGE}.yaml`), stringify({ config }));
  });
  after(async () => {
    await run("make", ...OLD_MAKE, "down", `STAGE=${STAGE}`);
    await attempt(`kubectl --context minikube delete namespace ${NAMESPACE} --ignore-not-found`);
    for (const each of [cwd, folder]) rmSync(each, { recursive: true });
  });

  it("has nothing that POSIX does not have", async () => {
    for (const [line, status] of WITHOUT_GNU)
      assert.equal((await run("bash", "-c", line)).code, status, line);
  });

  it("lists the commands, checks the cluster and previews", async () => {
    assert.match((await make("help")).stdout, /^ {2}make up +Install what is missing/m);
    assert.match((await make("preflight")).output, /^nothing that was checked is missing$/m);
    const { output } = await make("preview");
    assert.match(output, /cluster: the machine's own \(CLUSTER=context, context "minikube"/);
    assert.match(output, /pulumi: .*\/bin\/pulumi, of this machine/);
    assert.match(output, /\d+ to create/);
  });

  it("deploys, and changes nothing when it deploys again", async () => {
    assert.match((await make("up")).output, new RegExp(`^${STAGE} is up: http://${HOST}$`, "m"));
    await eventually(30, servesThePage);
    const { stdout } = await make("--silent", "preview", "ARGS=--json");
    const { summary } = JSON.parse(stdout) as {
      readonly summary: Readonly<Record<string, number>>;
    };
    assert.deepEqual(summary, { ...NOTHING, same: summary.same });
    const before = await objects();
    assert.match((await make("up")).output, new RegExp(`^${STAGE} is up: http://${HOST}$`, "m"));
    assert.deepEqual(await objects(), before);
    await servesThePage();
  });

  it("removes what it has deployed, all of it", async () => {
    await make("down");
    await eventually(60, async () => {
      const { output } = await attempt(`kubectl --context minikube get namespace ${NAMESPACE}`);
      assert.match(output, /not found/);
    });
  });
});
