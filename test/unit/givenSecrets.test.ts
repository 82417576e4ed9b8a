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

  it("only warns about a Secret that the credentials may not read", async () => {
    cluster({ [NAMESPACE]: {}, [`${NAMESPACE}/secrets/site`]: "denied" });
    const [finding, ...others] = await findings(site);
    assert.ok(finding && "warning" in finding && !others.length);
    assert.match(finding.warning, /^could not check: Secret todo-app-qa\/site/);
  });
});
