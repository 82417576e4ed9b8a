/** Network connections that only some clusters have. */
import assert from "node:assert/strict";
import { outside, policySpec, workload } from "../../components/kubernetes/network.ts";
import { parseConfig } from "../../config/load.ts";
import { find, record } from "./support/record.ts";
import { withKey } from "./support/stages.ts";

const egress = (...callees: Parameters<typeof policySpec>[2]) =>
  policySpec("backend", [], callees).egress as any[];

describe("DNS queries", () => {
  const [rule, openShift] = egress(workload("postgres", 5432));
  const both = (port: number) => [
    { protocol: "UDP", port },
    { protocol: "TCP", port },
  ];

  it("reach GKE's Cloud DNS at the metadata service's address, but only on port 53", () => {
    assert.ok(rule.to.some(({ ipBlock }: any) => ipBlock?.cidr === "169.254.169.254/32"));
    assert.deepEqual(rule.ports, both(53));
  });

  it("reach OpenShift's DNS pods on the port that they listen on", () => {
    const namespace = { "kubernetes.io/metadata.name": "openshift-dns" };
    assert.deepEqual(openShift, {
      to: [{ namespaceSelector: { matchLabels: namespace } }],
      ports: both(5353),
    });
  });

  it("are not allowed to a workload that calls nobody", () => assert.deepEqual(egress(), []));
});

describe("the peer outside()", () => {
  const ranges = egress(outside(443))
    .at(-1)
    .to.map(({ ipBlock }: any) => ipBlock);

  it("covers IPv6 as well as IPv4", () =>
    assert.deepEqual(
      ranges.map(({ cidr }: any) => cidr),
      ["0.0.0.0/0", "::/0"],
    ));

  it("does not cover the metadata services of either", () => {
    const [v4, v6] = ranges;
    assert.deepEqual(v4.except, ["169.254.0.0/16"]);
    for (const range of ["fe80::/10", "64:ff9b::a9fe:0/112", "fd00:ec2::/32"])
      assert.ok(v6.except.includes(range), range);
  });
});

describe("metrics", () => {
  let runs = 0;
  const readers = async (monitoring: object) => {
    const program = () => import(`../../index.ts?edges-${runs++}`);
    const config = withKey("dev", "monitoring", monitoring);
    const { resources } = await record(program, "dev", config);
    return find(resources, "NetworkPolicy").flatMap(({ name, inputs: { spec } }) =>
      (spec.ingress ?? [])
        .filter(({ ports }: any) => ports[0].port === 9464)
        .map(({ from }: any) => [name, from[0].namespaceSelector.matchLabels]),
    );
  };

  it("can be read by nobody by default", async () => assert.deepEqual(await readers({}), []));

  it("can be read from the namespace that the stage names", async () => {
    const from = { "kubernetes.io/metadata.name": "monitoring" };
    assert.deepEqual(await readers({ namespace: "monitoring" }), [
      ["backend", from],
      ["frontend", from],
    ]);
  });
});

describe("the route's settings", () => {
  const parse = (route: object) => parseConfig("dev", withKey("dev", "route", route));

  it("accept address ranges of IPv4 and IPv6, and nothing else", () => {
    const ranges = ["10.0.0.0/8", "192.0.2.1/32", "0.0.0.0/0", "::/0", "fd00:10::/64"];
    assert.deepEqual(parse({ sourceRanges: ranges }).address.route.sourceRanges, ranges);
    for (const wrong of ["10.0.0.1", "10.0.0.0/33", "::/129", "300.0.0.0/8", "nodes", "10.0.0.0/"])
      assert.throws(
        () => parse({ sourceRanges: [wrong] }),
        /route\.sourceRanges\[0\].*allowed: an address range such as/,
        wrong,
      );
  });

  it("allow proxies in the app's namespace only with the kind gateway", () => {
    assert.throws(() => parse({ proxies: "app-namespace" }), /route\.proxies.*kind is not gateway/);
    assert.doesNotThrow(() => parse({ kind: "gateway", proxies: "app-namespace" }));
  });
});
