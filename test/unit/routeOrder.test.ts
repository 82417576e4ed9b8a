/** The order in which TLS is added to a stage that already serves, and the peers that may forward requests to it. */
import assert from "node:assert/strict";
import { workload } from "../../components/kubernetes/network.ts";
import { PublicRoute, type PublicRouteArgs } from "../../components/publicRoute.ts";
import { find, record, type Recorded } from "./support/record.ts";
import { acme, ingress } from "./support/route.ts";
import { withKeys } from "./support/stages.ts";

const args: PublicRouteArgs = {
  namespace: "ns",
  host: "todo.example.com",
  publicUrl: "https://todo.example.com",
  paths: { "/api": workload("backend", 8000), "/": workload("frontend", 3000) },
  route: ingress,
  tls: acme,
  rolloutTimeoutSeconds: 150,
};
const route = async (extra: Partial<PublicRouteArgs["route"]> = {}, tls: typeof args.tls = acme) =>
  (await record(() => new PublicRoute("route", { ...args, tls, route: { ...ingress, ...extra } })))
    .resources;

let runs = 0;
const stack = async (stage: string, changes: Readonly<Record<string, unknown>> = {}) => {
  const program = () => import(`../../index.ts?route-order-${runs++}`);
  return (await record(program, stage, withKeys(stage, changes))).resources;
};

/**
 * Whether `earlier` is complete before `later` begins. A child is registered after its parent, and the parent after all
 * that it depends on.
 */
function comesAfter(resources: readonly Recorded[], later: Recorded, earlier: Recorded): boolean {
  const before = resources.filter(
    ({ urn }) => later.dependsOn.includes(urn) || later.parent === urn,
  );
  return before.includes(earlier) || before.some((one) => comesAfter(resources, one, earlier));
}
const named = (resources: readonly Recorded[], kind: string, name: string) =>
  find(resources, kind).find((resource) => resource.name === name)!;

describe("TLS that is switched on", () => {
  it("is added to the Ingress after the certificate is issued", async () => {
    const resources = await route();
    const [certificate] = find(resources, "Certificate");
    assert.ok(comesAfter(resources, find(resources, "Ingress")[0]!, certificate!));
  });

  it("moves the HTTPRoute to HTTPS after the certificate is issued and the redirect exists", async () => {
    const resources = await route({ kind: "gateway" });
    const [certificate] = find(resources, "Certificate");
    const redirect = named(resources, "HTTPRoute", "route-redirect");
    assert.ok(comesAfter(resources, certificate!, find(resources, "Gateway")[0]!));
    assert.ok(comesAfter(resources, redirect, certificate!));
    assert.ok(comesAfter(resources, named(resources, "HTTPRoute", "route"), redirect));
  });

  it("keeps the old pods, which do not redirect, until HTTPS is served", async () => {
    const resources = await stack("staging");
    for (const deployment of find(resources, "Deployment"))
      for (const kind of ["Certificate", "Ingress"])
        assert.ok(comesAfter(resources, deployment, find(resources, kind)[0]!), deployment.name);
  });

  it("does not make the Ingress wait for pods that wait for it", async () => {
    const { annotations } = find(await route(), "Ingress")[0]!.inputs.metadata;
    assert.equal(annotations["pulumi.com/waitFor"], "jsonpath={.status.loadBalancer.ingress[0]}");
  });

  it("does not make pods wait for the route without TLS", async () => {
    const resources = await stack("dev");
    const [served] = find(resources, "Ingress");
    for (const deployment of find(resources, "Deployment"))
      assert.ok(!comesAfter(resources, deployment, served!));
  });
});

describe("requests from outside", () => {
  const sources = (resources: readonly Recorded[], policy: string, port: number) =>
    named(resources, "NetworkPolicy", policy)
      .inputs.spec.ingress.filter(({ ports }: any) => ports[0].port === port)
      .map(({ from }: any) => from[0]);
  const ROUTE = { kind: "gateway", className: "istio", namespace: "istio-system" };
  const PROXY = { "gateway.networking.k8s.io/gateway-name": "todo-app" };

  it("come from the controller's namespace, and from the stage's address ranges", async () => {
    const ranges = ["10.0.0.0/16", "fd00:1::/64"];
    const resources = await stack("dev", { route: { className: "nginx", sourceRanges: ranges } });
    assert.deepEqual(sources(resources, "frontend", 3000).slice(0, 3), [
      { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "ingress-nginx" } } },
      ...ranges.map((cidr) => ({ ipBlock: { cidr } })),
    ]);
  });

  it("come from the Gateway's proxy pods if they run beside it, and so do challenges", async () => {
    const resources = await stack("staging", { route: { ...ROUTE, proxies: "app-namespace" } });
    const proxy = { podSelector: { matchLabels: PROXY } };
    for (const [policy, port] of [
      ["frontend", 3000],
      ["backend", 8000],
      ["route-certificate-acme-solver", 8089],
    ] as const)
      assert.deepEqual(sources(resources, policy, port)[0], proxy);
  });

  it("pass through those pods, which may call only the app, DNS and their controller", async () => {
    const { spec } = named(
      await route({
        ...ingress,
        kind: "gateway",
        namespace: "istio-system",
        proxies: "app-namespace",
      }),
      "NetworkPolicy",
      "route-proxies",
    ).inputs;
    assert.deepEqual(spec.podSelector.matchLabels, PROXY);
    assert.deepEqual(spec.ingress, [{}]);
    const allowed = spec.egress.flatMap(({ to, ports }: any) =>
      to.map(
        ({ podSelector, namespaceSelector, ipBlock }: any) =>
          `${[...Object.values({ ...podSelector?.matchLabels, ...namespaceSelector?.matchLabels }), ipBlock?.cidr].filter(Boolean)[0]}:${ports?.[0].port ?? "any"}`,
      ),
    );
    assert.deepEqual(allowed, [
      "kube-system:53",
      "169.254.20.10/32:53",
      "169.254.169.254/32:53",
      "openshift-dns:5353",
      "backend:8000",
      "frontend:3000",
      "true:8089",
      "istio-system:any",
    ]);
  });

  it("need no policy for pods in the controller's namespace", async () => {
    assert.equal(
      named(await route({ kind: "gateway" }), "NetworkPolicy", "route-proxies"),
      undefined,
    );
  });
});
