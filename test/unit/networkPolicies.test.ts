import assert from "node:assert/strict";
import type { Cluster, Reading } from "../../ops/lib/preflight/clusterApi.ts";
import { networkPolicyWarning } from "../../ops/lib/preflight/networkPolicies.ts";

const daemonSet = (name: string, container: object = {}) => ({
  metadata: { name },
  spec: { template: { spec: { containers: [{ image: "x", ...container }] } } },
});

/** The warning about a cluster with these DaemonSets and this version of the kubelets. */
function warning(
  daemonSets: readonly object[] | undefined,
  kubeletVersion = "v1.34.1",
  kind: Cluster["kind"] = "other",
) {
  const found = (...items: readonly object[]): Reading => ({ state: "found", object: { items } });
  const answers: Readonly<Record<string, Reading>> = {
    "/apis/apps/v1/daemonsets": daemonSets
      ? found(...daemonSets)
      : { state: "unknown", reason: "you may not" },
    "/api/v1/nodes?limit=1": found({ status: { nodeInfo: { kubeletVersion } } }),
  };
  const read = (path: string) => Promise.resolve(answers[path]!);
  return networkPolicyWarning({ context: "staging", kind, read } satisfies Cluster);
}

describe("what enforces NetworkPolicies", () => {
  for (const engine of [
    daemonSet("calico-node"),
    daemonSet("cilium"),
    daemonSet("kindnet", { image: "docker.io/kindest/kindnetd:v20241212-9f82dd49" }),
    daemonSet("aws-node", { args: ["--enable-ipv6=false", "--enable-network-policy=true"] }),
  ])
    it(`is recognised by the DaemonSet ${engine.metadata.name}`, async () => {
      assert.equal(await warning([daemonSet("kube-proxy"), engine]), undefined);
    });

  it("is recognised in k3s, which has an engine built in", async () => {
    assert.equal(await warning([], "v1.34.1+k3s1"), undefined);
  });

  it("is known for the local cluster, where the engine runs beside the kubelets", async () => {
    assert.equal(await warning([], "v1.36.3", "local"), undefined);
  });

  for (const [what, other] of [
    ["flannel", daemonSet("kube-flannel-ds")],
    ["an old kindnet", daemonSet("kindnet", { image: "kindest/kindnetd:v20240202-8f1494ea" })],
    [
      "an AWS VPC CNI without it",
      daemonSet("aws-node", { args: ["--enable-network-policy=false"] }),
    ],
  ] as const)
    it(`is missed with ${what}`, async () => {
      const text = (await warning([other])) ?? "";
      assert.match(text, /^no engine .* was recognised .*stop nothing\. A managed cluster has one/);
    });

  it("is unknown, with a warning, if the credentials may not read the DaemonSets", async () => {
    assert.match(
      (await warning(undefined)) ?? "",
      /^could not look .*\(you may not\).*stop nothing\. /,
    );
  });
});
