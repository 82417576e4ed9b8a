/** Secrets that somebody else fills: a deploy does not begin if one is missing. */
import assert from "node:assert/strict";
import { clusterOf } from "../../ops/lib/preflight/clusterApi.ts";
import { clusterFindings } from "../../ops/lib/preflight/clusterNeeds.ts";
import { effectiveConfig } from "../../ops/lib/stage.ts";
import { withFakeCluster } from "./support/fakeCluster.ts";

const STAGE = {
  "todo-app:kubernetesContext": "staging",
  "todo-app:host": "todo.example.com",
  "todo-app:images": { registry: "ghcr.io" },
};
const NAMESPACE = "/api/v1/namespaces/todo-app-qa";

describe("preflight", function () {
  // Each test starts a dozen processes.
  this.timeout(30_000);
  const { cluster } = withFakeCluster();
  const findings = async (settings: object) => {
    const config = effectiveConfig("qa", { ...STAGE, ...settings });
    assert.ok(config);
    return clusterFindings(config, await clusterOf("staging"), "todo-app-qa");
  };
  const site = { "todo-app:tls": { issuer: "secret", secretName: "site" } };
  const authority = { "todo-app:tls": { issuer: "ca", caSecretName: "authority" } };

  it("reports a missing TLS Secret: no https URL is announced without a certificate", async () => {
    cluster({ [NAMESPACE]: {}, [`${NAMESPACE}/secrets/site`]: null });
    assert.deepEqual(await findings(site), [
      {
        missing: "Secret todo-app-qa/site, which todo-app:tls.secretName names",
        fix: "kubectl --context staging --namespace todo-app-qa create secret tls site --cert <file> --key <file>",
      },
    ]);
  });

  it("says how to create the namespace before the first deploy", async () => {
    cluster();
    const [finding] = await findings(authority);
    assert.ok(finding && "fix" in finding);
    assert.match(
      finding.missing,
      /^Secret todo-app-qa\/authority, which todo-app:tls\.caSecretName/,
    );
    assert.match(finding.fix, /^deploy once with todo-app:tls\.issuer none.*, then kubectl /);
  });

  it("reports a missing pull Secret", async () => {
    cluster({ [NAMESPACE]: {} });
    const images = { registry: "ghcr.io", pullSecretName: "pull" };
    const [finding] = await findings({ "todo-app:images": images });
    assert.ok(finding && "fix" in finding);
    assert.match(
      finding.missing,
      /^Secret todo-app-qa\/pull, which todo-app:images\.pullSecretName/,
    );
    assert.match(finding.fix, /create secret docker-registry pull --docker-server ghcr\.io /);
  });

  describe("looks into a pull Secret", () => {
    const pull = async (secret: object, images: object = {}) => {
      cluster({ [NAMESPACE]: {}, [`${NAMESPACE}/secrets/pull`]: secret });
      const all = { registry: "ghcr.io", pullSecretName: "pull", ...images };
      return findings({ "todo-app:images": all });
    };
    const logins = (...servers: string[]) => {
      const auths = Object.fromEntries(servers.map((server) => [server, { auth: "canary" }]));
      const content = Buffer.from(JSON.stringify({ auths })).toString("base64");
      return { type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": content } };
    };

    it("and reports another type, with which nodes do not log in", async () => {
      const [finding, ...others] = await pull({ type: "Opaque", data: { password: "Y2FuYXJ5" } });
      assert.ok(finding && "fix" in finding && !others.length);
      assert.equal(
        finding.missing,
        "Secret todo-app-qa/pull, which todo-app:images.pullSecretName names, of type kubernetes.io/dockerconfigjson; " +
          "it has the type Opaque, which can't be changed",
      );
      assert.match(
        finding.fix,
        /^kubectl --context staging --namespace todo-app-qa delete secret pull && kubectl --context staging --namespace todo-app-qa create secret docker-registry pull /,
      );
      assert.doesNotMatch(JSON.stringify(finding), /canary|Y2FuYXJ5/);
    });

    for (const [registry, server] of [
      ["ghcr.io", "ghcr.io"],
      ["ghcr.io", "https://ghcr.io/acme"],
      ["docker.io", "https://index.docker.io/v1/"],
      ["123456789012.dkr.ecr.eu-west-1.amazonaws.com", "*.dkr.ecr.*.amazonaws.com"],
      ["harbor.acme.com:8443", "harbor.acme.com:8443"],
    ] as const)
      it(`and finds the login for ${registry} under ${server}`, async () => {
        assert.deepEqual(await pull(logins("other.example.com", server), { registry }), []);
      });

    it("and warns where none of its logins is for the registry", async () => {
      assert.deepEqual(await pull(logins("quay.io", "*.io.example.com")), [
        {
          warning:
            "Secret todo-app-qa/pull, which todo-app:images.pullSecretName names, has no login for ghcr.io; it has: quay.io, *.io.example.com",
        },
      ]);
      const image = `quay.io/acme/app@sha256:${"a".repeat(64)}`;
      assert.deepEqual(await pull(logins("quay.io"), { backend: image, frontend: image }), []);
    });
  });

  it("warns of a token that nodes pull with, and that ends before the pods do", async () => {
    cluster({ [NAMESPACE]: {} });
    const login = { "todo-app:registryUsername": "AWS", "todo-app:registryPassword": "canary" };
    const [finding, ...others] = await findings(login);
    assert.ok(finding && "warning" in finding && !others.length);
    assert.match(
      finding.warning,
      /registryUsername AWS, which ends after 12 hours; docs\/registry/,
    );
    assert.deepEqual(await findings({ ...login, "todo-app:registryUsername": "ci" }), []);
  });

  it("only warns about a Secret that the credentials may not read", async () => {
    cluster({ [NAMESPACE]: {}, [`${NAMESPACE}/secrets/site`]: "denied" });
    const [finding, ...others] = await findings(site);
    assert.ok(finding && "warning" in finding && !others.length);
    assert.match(finding.warning, /^could not check: Secret todo-app-qa\/site/);
  });
});
