/** Preflight in plain Pulumi: the real engine, and a cluster that a stand-in for kubectl answers for. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { NO_PREFLIGHT } from "../../config/preflight.ts";
import {
  INGRESS_CLASSES,
  STORAGE_CLASSES,
  list,
  withFakeCluster,
} from "../unit/support/fakeCluster.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OWN = /^Pulumi\..*yaml$|^\.git$/;
const STAGE_FILE = `
config:
  pulumi:disable-default-providers: [kubernetes]
  todo-app:kubernetesContext: staging
  todo-app:host: todo.example.com
  todo-app:images: { registry: ghcr.io }
  todo-app:preflight: true
`;
const LACKING = { [INGRESS_CLASSES]: list("haproxy"), [STORAGE_CLASSES]: list() };
/** The engine and its plugins. */
const PROGRAMS = "for name in $(compgen -c pulumi | sort -u); do type -P $name; done";
/** The first line of the error; the commands that install what is missing follow. */
const ERROR = 'error: the cluster of context "staging" lacks 2 things that stage qa needs:';

describe("plain Pulumi with the setting preflight", function () {
  this.timeout(120_000);
  const { folder: fakes, cluster } = withFakeCluster();
  let folder: string;
  const at = (name: string) => join(folder, name);
  const pulumi = (args: string, env: NodeJS.ProcessEnv = {}) => {
    const { stdout, stderr, status } = spawnSync("pulumi", args.split(" "), {
      cwd: at("project"),
      encoding: "utf8",
      env: {
        ...process.env,
        [NO_PREFLIGHT]: "",
        KUBECONFIG: at("kubeconfig"),
        PULUMI_BACKEND_URL: `file://${at("backend")}?metadata=skip`,
        PULUMI_CONFIG_PASSPHRASE: "passphrase",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        ...env,
      },
    });
    return { output: `${stdout}${stderr}`, status };
  };
  /** The types of the resources in the state. */
  const deployed = () => {
    const { deployment } = JSON.parse(pulumi("stack export").output);
    return ((deployment.resources ?? []) as { type: string }[]).map(({ type }) => type);
  };
  /** How many errors the engine shows below its line "Diagnostics:". */
  const errorsIn = (output: string) => output.split("Diagnostics:")[1]!.match(/\berror: /g)!.length;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "preflight-program-"));
    for (const name of ["backend", "project"]) mkdirSync(at(name));
    for (const name of readdirSync(ROOT).filter((each) => !OWN.test(each)))
      symlinkSync(join(ROOT, name), at(`project/${name}`));
    copyFileSync(join(ROOT, "Pulumi.yaml"), at("project/Pulumi.yaml"));
    const { output, status } = pulumi("stack init qa");
    assert.equal(status, 0, output);
    writeFileSync(at("project/Pulumi.qa.yaml"), STAGE_FILE, { flag: "a" });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  for (const command of ["preview", "up --yes --skip-preview"])
    it(`${command} ends with one error that names everything, before the first resource`, () => {
      cluster(LACKING);
      const { output, status } = pulumi(`${command} --non-interactive`);
      assert.notEqual(status, 0);
      assert.ok(output.includes(ERROR), output);
      assert.match(
        output,
        /IngressClass "traefik".*; there are: haproxy\n +fix: helm --kube-context staging /,
      );
      assert.match(
        output,
        /a default StorageClass.*\n +fix: make --silent manifest NAME=localPath /,
      );
      assert.match(output, /fix: .* pulumi config set --stack qa todo-app:preflight false/);
      assert.equal(errorsIn(output), 1, output);
      assert.doesNotMatch(output, /kubernetes:|docker:index|unhandled exception/);
      assert.deepEqual(
        deployed().filter((type) => type !== "pulumi:pulumi:Stack"),
        [],
      );
    });

  it("goes on where nothing is missing, and where a command of make has looked", () => {
    cluster();
    assert.match(pulumi("preview --non-interactive").output, /kubernetes:core\/v1:Namespace/);
    cluster(LACKING);
    const { output } = pulumi("preview --non-interactive", { [NO_PREFLIGHT]: "1" });
    assert.match(output, /kubernetes:core\/v1:Namespace/);
    assert.ok(!output.includes(ERROR));
  });

  it("warns, and goes on, where kubectl is not installed", () => {
    const bin = join(fakes(), "bin");
    rmSync(join(bin, "kubectl"));
    symlinkSync(process.execPath, join(bin, "node"));
    for (const path of spawnSync("bash", ["-c", PROGRAMS]).stdout.toString().trim().split("\n"))
      symlinkSync(path, join(bin, basename(path)));
    const { output } = pulumi("preview --non-interactive", { PATH: bin });
    assert.match(
      output,
      /warning: what the cluster lacks was not checked, because kubectl is not installed/,
    );
    assert.match(output, /kubernetes:core\/v1:Namespace/);
  });
});
