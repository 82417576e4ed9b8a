/** A fault outside the stack's control ends in one clear error with its fix, and changes nothing. */
import assert from "node:assert/strict";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { withFullDocker, withServer } from "./support/machine.ts";
import { attempt, sh, withCheckout } from "./support/shell.ts";

/**
 * URN, id, inputs and pending deletion of each resource in the state. Secrets are left out, because they are encrypted
 * anew whenever the state is written.
 */
const resources = async () => {
  interface Resource {
    readonly urn: string;
    readonly id?: string;
    readonly delete?: boolean;
    readonly inputs?: object;
  }
  const state = JSON.parse(await sh("pulumi stack export --stack dev"), (key, value: unknown) =>
    key === "ciphertext" ? "" : value,
  ) as { deployment: { resources: Resource[]; pending_operations?: { resource: Resource }[] } };
  const pending = state.deployment.pending_operations ?? [];
  return [...state.deployment.resources, ...pending.map(({ resource }) => resource)]
    .map(({ urn, id, inputs, delete: deleted }) => ({ urn, id, inputs, deleted }))
    .sort((a, b) => a.urn.localeCompare(b.urn));
};

/** Checks after each test that the deployed resources are those from before the first one. */
const keepsTheStack = () => {
  let deployed: object;
  before(async () => (deployed = await resources()));
  afterEach(async () => assert.deepEqual(await resources(), deployed));
};

interface Expected {
  readonly says: RegExp;
  readonly fix: RegExp;
}

/** Runs a command that must fail with one error that names the problem and the way out. */
async function refuses(
  line: string,
  { says, fix }: Expected,
  options: Parameters<typeof attempt>[1],
): Promise<string> {
  const { code, output } = await attempt(line, options);
  assert.notEqual(code, 0, output);
  assert.match(output, says);
  assert.match(output, new RegExp(`fix: [^\\n]*${fix.source}`));
  assert.doesNotMatch(output, /^ +at .*:\d+:\d+\)?$/m, "no stack trace");
  return output;
}

const deploy = (expected: Expected, options: Parameters<typeof attempt>[1]) =>
  refuses("node ops/up.ts dev", expected, options);

describe("a stage file", () => {
  keepsTheStack();

  const cases: readonly (Expected & { readonly problem: string; readonly config: string })[] = [
    {
      problem: "an unknown key",
      config: "set todo-app:replicas 3",
      says: /todo-app:replicas is unknown; allowed: one of kubernetesContext, /,
      fix: /pulumi config rm --stack dev 'todo-app:replicas'/,
    },
    {
      problem: "an unknown key inside an object",
      config: "set --path todo-app:backend.replica 3",
      says: /todo-app:backend.replica is unknown; allowed: one of replicas, autoscaling, resources/,
      fix: /pulumi config rm --stack dev --path 'todo-app:backend.replica'/,
    },
    {
      problem: "a text where an object must be",
      config: "set todo-app:backend 3",
      says: /todo-app:backend of dev must be of type object/,
      fix: /pulumi config set --stack dev 'todo-app:backend' <object>/,
    },
    {
      problem: "a text where a number must be",
      config: "set --path todo-app:backend.replicas many",
      says: /todo-app:backend.replicas is "many"; allowed: a whole number from 1 to 50/,
      fix: /pulumi config set --stack dev --path 'todo-app:backend.replicas' <value>/,
    },
    {
      problem: "more replicas than allowed",
      config: "set --path todo-app:frontend.replicas 51",
      says: /todo-app:frontend.replicas is 51; allowed: a whole number from 1 to 50/,
      fix: /pulumi config set --stack dev --path 'todo-app:frontend.replicas' <value>/,
    },
    {
      problem: "no replicas",
      config: "set --path todo-app:frontend.replicas 0",
      says: /todo-app:frontend.replicas is 0; allowed: a whole number from 1 to 50/,
      fix: /pulumi config set --stack dev --path 'todo-app:frontend.replicas' <value>/,
    },
    {
      problem: "a secret in clear",
      config: "set --plaintext todo-app:databaseUrl postgresql://u:confidential@h/d",
      says: /todo-app:databaseUrl is \[secret\]; allowed: an encrypted value/,
      fix: /pulumi config set --stack dev --secret 'todo-app:databaseUrl'/,
    },
    {
      problem: "no secret where the database is external",
      config: "set --path todo-app:database.mode external",
      says: /todo-app:databaseUrl is missing; allowed: postgresql:.*because database.mode is external/,
      fix: /pulumi config set --stack dev --secret 'todo-app:databaseUrl'/,
    },
    {
      problem: "a context that the kubeconfig does not have",
      config: "set todo-app:kubernetesContext moon",
      says: /the kubeconfig has no context "moon"; it has: minikube, production, staging/,
      fix: /pulumi config set --stack dev todo-app:kubernetesContext <context>/,
    },
  ];
  for (const { problem, config, ...expected } of cases)
    it(`with ${problem}`, () =>
      withCheckout(async (cwd) => {
        await sh(`pulumi config --stack dev ${config}`, { cwd });
        const output = await deploy(expected, { cwd });
        assert.doesNotMatch(output, /confidential/);
      }));

  it("that is not YAML", () =>
    withCheckout(async (cwd) => {
      await sh("echo 'config: [' >Pulumi.dev.yaml", { cwd });
      const says = /Pulumi.dev.yaml is not YAML: .* line \d/;
      await deploy({ says, fix: /correct that line/ }, { cwd });
    }));

  it("that does not exist", async () => {
    const says = /there is no stage "moon": Pulumi.moon.yaml does not exist/;
    const fix = /use one of dev, production, staging/;
    await refuses("node ops/up.ts moon", { says, fix }, {});
    await refuses(
      "make up STAGE=moon",
      { says: /there is no Pulumi.moon.yaml/, fix: /Pulumi.dev/ },
      {},
    );
  });
});

describe("a deploy", () => {
  keepsTheStack();

  it("without the secrets of its stage", () =>
    withCheckout(async (cwd) => {
      const says =
        /has 2 problems:[^]*todo-app:databaseUrl is missing[^]*todo-app:openaiApiKey is missing/;
      const fix = /pulumi config set --stack qa --secret 'todo-app:databaseUrl'/;
      await sh("cp Pulumi.staging.yaml Pulumi.qa.yaml", { cwd });
      try {
        await refuses("node ops/up.ts qa", { says, fix }, { cwd });
      } finally {
        await sh("pulumi stack rm --yes --force --stack qa", { cwd });
      }
    }));

  it("with a cluster that does not answer", () =>
    withCheckout(async (cwd) => {
      await sh(`sed 's|server: .*|server: https://127.0.0.1:9|' "$KUBECONFIG" >kubeconfig`, {
        cwd,
      });
      const env = { KUBECONFIG: join(cwd, "kubeconfig"), CLUSTER: "context" };
      const says = /the cluster of context "minikube" .*does not answer/;
      await deploy({ says, fix: /kubectl --context minikube get nodes/ }, { cwd, env });
      await refuses(
        "local/up",
        { says, fix: /start it, or use a cluster on this machine/ },
        { cwd, env },
      );
    }));

  it("without Docker", () =>
    withCheckout(async (cwd) => {
      const says = /Docker does not answer.*Cannot connect to the Docker daemon/;
      const env = { DOCKER_HOST: "unix:///nonexistent" };
      await deploy({ says, fix: /docker version/ }, { cwd, env });
    }));

  it("with another passphrase than the stack's", () =>
    withCheckout(async (cwd) => {
      const says = /the secrets of dev were encrypted with another passphrase/;
      const env = { PULUMI_CONFIG_PASSPHRASE: "another" };
      await deploy({ says, fix: /PULUMI_CONFIG_PASSPHRASE_FILE/ }, { cwd, env });
    }));

  for (const [status, code] of [
    [401, "UNAUTHORIZED"],
    [403, "DENIED"],
  ] as const)
    it(`whose push the registry refuses with ${status}`, () =>
      withCheckout(async (cwd) => {
        const answer: RequestListener = (request, response) => {
          const open = status === 403 && request.method === "GET";
          const headers = { "WWW-Authenticate": 'Basic realm="registry"' };
          response.writeHead(open ? 200 : status, status === 401 ? headers : {});
          response.end(JSON.stringify({ errors: [{ code, message: "you may not push here" }] }));
        };
        await withServer(0, answer, async (port) => {
          const registry = `localhost:${port}`;
          await sh(`pulumi config set --stack dev --path todo-app:images.registry ${registry}`, {
            cwd,
          });
          const says = new RegExp(`registry ${registry} refused the push`);
          await deploy({ says, fix: /docker login/ }, { cwd });
        });
      }));

  it("whose images do not fit on Docker's disk", () =>
    withCheckout(async (cwd) => {
      await sh("echo '# other' >>app/backend/app/main.py", { cwd });
      await withFullDocker(cwd, (socket) =>
        deploy(
          { says: /the disk is full[^]*no space left on device/, fix: /docker system prune/ },
          { cwd, env: { DOCKER_HOST: `unix://${socket}` } },
        ),
      );
    }));

  it("is repaired by the next make up alone", async () => {
    assert.match(await sh("make up"), /Resources:\n +\d+ unchanged\n/);
  });
});

describe("local/up", () => {
  /** An empty machine: nothing cached, nothing running, no kubeconfig. */
  const emptyHome = (folder: string) => ({
    KUBECONFIG: "",
    HOME: folder,
    XDG_CACHE_HOME: join(folder, "cache"),
    XDG_STATE_HOME: join(folder, "state"),
  });

  it("without root", () =>
    withCheckout(async (cwd) => {
      await sh(`chmod -R a+rX .; mkdir home; chown nobody home`, { cwd });
      await refuses(
        `setpriv --reuid nobody --regid nogroup --clear-groups local/up`,
        { says: /a local cluster needs root/, fix: /run the same command as root/ },
        { cwd, env: emptyHome(join(cwd, "home")) },
      );
    }));

  for (const [tool, program] of [
    ["Go", "go"],
    ["Python", "python3"],
  ] as const)
    it(`without ${tool}`, () =>
      withCheckout(async (cwd) => {
        await sh(
          `mkdir bin; IFS=:; for folder in $PATH; do [[ $folder == *todo-app* ]] || ln -sf $folder/* bin/ 2>/dev/null || true; done; rm bin/${program}`,
          { cwd },
        );
        await refuses(
          "local/up",
          { says: new RegExp(`${tool} is not installed`), fix: /install / },
          { cwd, env: { ...emptyHome(cwd), PATH: join(cwd, "bin") } },
        );
      }));

  it("without space for the tools", () =>
    withCheckout(async (cwd) => {
      await sh("mkdir cache; mount -t tmpfs -o size=64m todo-app-full cache", { cwd });
      try {
        const says = /only 0 GiB are free in .*, \d+ GiB are needed/;
        await refuses("local/up", { says, fix: /XDG_CACHE_HOME/ }, { cwd, env: emptyHome(cwd) });
        // Node.js stores compiled code there.
        const built = await sh("find cache -type f -not -path 'cache/todo-app/node/*'", { cwd });
        assert.equal(built, "", "nothing was built");
      } finally {
        await sh("umount cache", { cwd });
      }
    }));
});

describe("a resource that breaks a rule of the policy pack", () => {
  keepsTheStack();

  it("is named with the rule, by the preview and by the deploy", () =>
    withCheckout(async (cwd) => {
      const file = "components/kubernetes/podSecurity.ts";
      await sh(
        `sed -i 's/allowPrivilegeEscalation: false/allowPrivilegeEscalation: true/' ${file}`,
        {
          cwd,
        },
      );
      const preview = await attempt("make preview", { cwd });
      assert.notEqual(preview.code, 0, preview.output);
      assert.match(preview.output, /restricted-pods/);
      assert.match(preview.output, /allowPrivilegeEscalation is not false/);
      await deploy(
        {
          says: /policy restricted-pods: \w+ [\w-]+: container [\w-]+: allowPrivilegeEscalation is not false\n/,
          fix: /change what the rule refuses, or what policy\/settings\.ts allows/,
        },
        { cwd },
      );
    }));
});
