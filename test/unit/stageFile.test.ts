import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse, stringify } from "yaml";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A pulumi that "encrypts" in base64 once the stack exists, and records each call. */
const PULUMI = `#!/bin/bash
cd "\${0%/*}" || exit
echo "$*" >>calls
if [[ $* == *"stack init"* ]]; then touch stack; exit; fi
[[ -e stack ]] || { echo "error: no stack named 'staging' found" >&2; exit 1; }
arguments=("$@")
for ((i = 0; i < $#; i++)); do
  [[ \${arguments[i]} != --config-file ]] || file=\${arguments[i + 1]}
done
sed -i "s|^config:.*|&\\n  \${*: -1}: { secure: '$(base64 -w0)' }|" "$file"
`;

describe("local/stage-file", function () {
  this.timeout(30_000);
  let folder: string;
  let state: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "stage-file-"));
    state = join(folder, "state/todo-app");
    for (const name of [join(folder, "bin"), join(state, "postgres")])
      mkdirSync(name, { recursive: true });
    for (const name of ["local", "node_modules", "ops", "Pulumi.yaml"])
      symlinkSync(join(ROOT, name), join(folder, name));
    writeFileSync(join(folder, "bin/pulumi"), PULUMI);
    chmodSync(join(folder, "bin/pulumi"), 0o755);
    local("acme-ca.pem", "ACME\n");
    local("postgres/ca.crt", "POSTGRES\n");
    local("postgres/staging.url", "postgresql://local-url\n");
    stage("staging", {});
    stage("dev", {});
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Writes a file as `local/` would have made it on this machine; long ago, so that files made from it are newer. */
  const local = (name: string, text: string) => {
    writeFileSync(join(state, name), text);
    utimesSync(join(state, name), 0, 0);
  };
  const stage = (name: string, config: object, rest: object = {}) =>
    writeFileSync(join(folder, `Pulumi.${name}.yaml`), stringify({ config, ...rest }));
  const run = (name: string, more: Readonly<Record<string, string>> = {}) =>
    spawn(["local/stage-file", name], more);
  const spawn = (
    [command, ...args]: readonly [string, ...string[]],
    more: Readonly<Record<string, string>> = {},
  ) => {
    const env = {
      ...process.env,
      CLUSTER: "local",
      ...more,
      PATH: `${folder}/bin:${process.env.PATH}`,
      XDG_STATE_HOME: join(folder, "state"),
      XDG_CACHE_HOME: join(folder, "cache"),
    };
    return spawnSync(command, args, { cwd: folder, env, encoding: "utf8" });
  };
  const merged = () => {
    const { stdout, stderr } = run("staging");
    assert.equal(stderr, "");
    assert.equal(stdout.trim(), join(state, "stages/Pulumi.staging.yaml"));
    return parse(readFileSync(stdout.trim(), "utf8")) as {
      config: Record<string, unknown>;
      encryptionsalt?: string;
    };
  };
  const calls = () =>
    existsSync(join(folder, "bin/calls")) ? readFileSync(join(folder, "bin/calls"), "utf8") : "";
  const encrypted = (text: string) => Buffer.from(text).toString("base64");

  it("names the checkout's own file for a stage without overrides", () => {
    assert.equal(run("dev").stdout, "Pulumi.dev.yaml\n");
  });

  it("names the checkout's own file on the cluster of a context", () => {
    assert.equal(run("staging", { CLUSTER: "context" }).stdout, "Pulumi.staging.yaml\n");
  });

  it("merges the overrides into the stage's values, with the contents of local/'s files in place of their names", () => {
    stage("staging", {
      "todo-app:host": "staging.example.com",
      "todo-app:images": { registry: "ghcr.io", repository: "team" },
      "todo-app:tls": { issuer: "letsencrypt-staging", email: "ops@todo-app.com" },
    });
    const { config } = merged();
    assert.equal(config["todo-app:host"], "staging.example.com");
    assert.deepEqual(config["todo-app:images"], { registry: "localhost:5000", repository: "team" });
    assert.deepEqual(config["todo-app:tls"], {
      issuer: "acme",
      email: "ops@todo-app.com",
      server: "https://10.245.0.1:14000/dir",
      caBundle: "ACME\n",
    });
    assert.deepEqual(config["todo-app:database"], { caCertificate: "POSTGRES\n" });
  });

  it("contains secrets of this machine, and none of the stage's real services", () => {
    const secure = "of-the-real-service";
    stage(
      "staging",
      { "todo-app:databaseUrl": { secure }, "todo-app:registryPassword": { secure } },
      { encryptionsalt: "of-the-real-passphrase" },
    );
    const { config, encryptionsalt } = merged();
    assert.deepEqual(config["todo-app:databaseUrl"], {
      secure: encrypted("postgresql://local-url"),
    });
    assert.ok("todo-app:openaiApiKey" in config);
    assert.ok(!("todo-app:registryPassword" in config));
    assert.equal(encryptionsalt, undefined);
    assert.doesNotMatch(calls(), /local-url/, "no secret is an argument, which every user can see");
  });

  it("creates a stack that does not exist beside the merged file, not in the checkout", () => {
    merged();
    assert.match(calls(), new RegExp(`^--cwd ${state}/stages stack init staging$`, "m"));
  });

  it("can be read by its owner only", () => {
    merged();
    assert.equal(statSync(join(state, "stages/Pulumi.staging.yaml")).mode & 0o777, 0o600);
  });

  it("keeps file and secrets as they are when nothing has changed", () => {
    const first = merged();
    const before = calls();
    assert.deepEqual(merged(), first);
    assert.equal(calls(), before);
  });

  it("keeps the secrets, and the salt that Pulumi added, when a value changes", () => {
    const first = merged();
    const file = join(state, "stages/Pulumi.staging.yaml");
    writeFileSync(file, stringify({ ...first, encryptionsalt: "v1:salt" }));
    const before = calls();
    stage("staging", { "todo-app:placement": "required" });
    const { config, encryptionsalt } = merged();
    assert.equal(config["todo-app:placement"], "required");
    assert.deepEqual(config["todo-app:databaseUrl"], first.config["todo-app:databaseUrl"]);
    assert.equal(encryptionsalt, "v1:salt");
    assert.equal(calls(), before);
  });

  it("takes over a new database URL", () => {
    merged();
    writeFileSync(join(state, "postgres/staging.url"), "postgresql://new-url\n");
    const later = Date.now() / 1000 + 60;
    utimesSync(join(state, "postgres/staging.url"), later, later);
    assert.deepEqual(merged().config["todo-app:databaseUrl"], {
      secure: encrypted("postgresql://new-url"),
    });
  });

  for (const [command, ...options] of [["local/stage-file"], ["local/env", "--file"]] as const)
    it(`names what local/ has not made yet, once, by ${command}`, () => {
      rmSync(join(state, "acme-ca.pem"));
      const { status, stdout, stderr } = spawn([command, "staging", ...options]);
      assert.deepEqual([status, stdout], [1, ""]);
      assert.match(
        stderr,
        /^\nerror: .*acme-ca\.pem does not exist.*\n {2}fix: make cluster STAGE=staging\n$/,
      );
    });

  it("gives make, which calls local/env with --file, the variable `file` beside the settings", () => {
    const values = '"$PULUMI_BACKEND_URL" "$KUBECONFIG" "$file"';
    for (const [stage, file] of [
      ["dev", "Pulumi.dev.yaml"],
      ["staging", join(state, "stages/Pulumi.staging.yaml")],
    ] as const) {
      const { stdout } = spawn([
        "bash",
        "-c",
        `settings=$(local/env ${stage} --file) && eval "$settings" && printf "%s\n" ${values}`,
      ]);
      const backend = `file://${state}/pulumi?metadata=skip`;
      assert.deepEqual(stdout.split("\n"), [backend, join(state, "kubeconfig"), file, ""]);
    }
  });
});
