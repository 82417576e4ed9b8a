// What the stack relies on in the configuration of the kubernetes provider. It needs the plugin, but no cluster.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Plugin, type Fields } from "./plugin.ts";

const KUBECONFIG = `
apiVersion: v1
kind: Config
clusters: [{ name: one, cluster: { server: "https://one.example.com" } }]
contexts: [{ name: staging, context: { cluster: one, user: operator } }]
users: [{ name: operator, user: { token: none } }]
`;

describe("a provider with an empty kubeconfig", function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), "todo-app-provider-"));
  const recorded = join(folder, "kubeconfig");
  let plugin: Plugin;
  before(async () => {
    writeFileSync(recorded, KUBECONFIG);
    plugin = await Plugin.start("kubernetes", folder);
  });
  after(async () => {
    await plugin.stop();
    rmSync(folder, { recursive: true });
  });

  const diff = async (olds: Fields, news: Fields) => {
    const urn = "urn:pulumi:staging::todo-app::pulumi:providers:kubernetes::cluster";
    const { response, error } = await plugin.call("DiffConfig", { urn, olds, news });
    assert.equal(error, undefined);
    return response;
  };
  const empty = { context: "staging", kubeconfig: "" };

  it("replaces nothing when it takes over a state in which the kubeconfig is a path", async () => {
    const answer = await diff({ ...empty, kubeconfig: recorded }, empty);
    assert.deepEqual(answer, { changes: "DIFF_SOME", diffs: ["kubeconfig"] });
  });

  it("replaces nothing when the context changes", async () => {
    const answer = await diff(empty, { ...empty, context: "other" });
    assert.deepEqual(answer, { changes: "DIFF_SOME", diffs: ["context"] });
  });
});
