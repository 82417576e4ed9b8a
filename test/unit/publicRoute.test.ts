import assert from "node:assert/strict";
import { workload } from "../../components/kubernetes/network.ts";
import { PublicRoute, type PublicRouteArgs } from "../../components/publicRoute.ts";
import { find, record, valueOf, type Recorded } from "./support/record.ts";
import { acme, ingress } from "./support/route.ts";

const deploy = (tls?: PublicRouteArgs["tls"], route: Partial<PublicRouteArgs["route"]> = {}) =>
  record(() => {
    const args: PublicRouteArgs = {
      namespace: "ns",
      host: "todo.example.com",
      publicUrl: "https://todo.example.com:8443",
      paths: { "/api": workload("backend", 8000), "/": workload("frontend", 3000) },
      route: { ...ingress, ...route },
      tls,
      rolloutTimeoutSeconds: 60,
    };
    return valueOf(new PublicRoute("route", args).url);
  });
const kinds = (resources: readonly Recorded[]) =>
  resources
    .filter(({ custom }) => custom)
    .map(({ type }) => type.split(":").pop())
    .sort();

describe("PublicRoute", () => {
  it("is plain HTTP without an issuer", async () => {
    const { resources } = await deploy();
    assert.deepEqual(kinds(resources), ["Ingress"]);
    assert.equal("tls" in find(resources, "Ingress")[0]!.inputs.spec, false);
    assert.deepEqual(kinds((await deploy(undefined, { kind: "gateway" })).resources), [
      "Gateway",
      "HTTPRoute",
    ]);
  });

  it("requests a certificate from cert-manager, which the Ingress uses", async () => {
    const { exports, resources } = await deploy(acme);
    assert.equal(exports, "https://todo.example.com:8443");
    const issuer = find(resources, "Issuer")[0]!.inputs;
    assert.equal(issuer.spec.acme.server, acme.server);
    assert.deepEqual(issuer.spec.acme.solvers, [
      { http01: { ingress: { ingressClassName: "nginx" } } },
    ]);
    const certificate = find(resources, "Certificate")[0]!.inputs;
    assert.equal(certificate.metadata.annotations["pulumi.com/waitFor"], "condition=Ready");
    assert.deepEqual(certificate.spec.dnsNames, ["todo.example.com"]);
    assert.equal(certificate.spec.issuerRef.name, issuer.metadata.name);
    assert.equal("renewBefore" in certificate.spec, false, "by a share of the lifetime");
    const [ingress] = find(resources, "Ingress");
    assert.equal(ingress!.inputs.spec.tls[0].secretName, certificate.spec.secretName);
  });

  it("names another issuer if the authority changes, so that cert-manager issues a new certificate", async () => {
    const name = async (issuer: typeof acme.issuer | "acme") =>
      find((await deploy({ ...acme, issuer })).resources, "Issuer")[0]!.inputs.metadata.name;
    assert.notEqual(await name("acme"), await name("letsencrypt-staging"));
  });

  it("trusts the authority of a private ACME server", async () => {
    const pem = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n";
    const { resources } = await deploy({ ...acme, issuer: "acme", caBundle: pem });
    const { caBundle } = find(resources, "Issuer")[0]!.inputs.spec.acme;
    assert.equal(Buffer.from(caBundle, "base64").toString(), pem);
  });

  it("signs with the key of an authority, without a policy for challenges", async () => {
    const tls = { issuer: "ca", caSecretName: "authority", renewBeforePercentage: 33 } as const;
    const { resources } = await deploy(tls);
    assert.deepEqual(kinds(resources), ["Certificate", "Ingress", "Issuer"]);
    const { spec } = find(resources, "Issuer")[0]!.inputs;
    assert.deepEqual(spec, { ca: { secretName: "authority" } });
  });

  it("uses a Secret that somebody else fills", async () => {
    const { resources } = await deploy({ issuer: "secret", secretName: "mine" });
    assert.deepEqual(kinds(resources), ["Ingress"]);
    assert.equal(find(resources, "Ingress")[0]!.inputs.spec.tls[0].secretName, "mine");
  });

  it("serves the same paths by Gateway API, and takes challenges through that Gateway", async () => {
    const { resources } = await deploy(acme, { kind: "gateway", className: "traefik" });
    const [gateway] = find(resources, "Gateway");
    const { gatewayClassName, listeners } = gateway!.inputs.spec;
    assert.equal(gatewayClassName, "traefik");
    assert.deepEqual(
      listeners.map(({ name, hostname, port }: any) => [name, hostname, port]),
      [
        ["http", "todo.example.com", 80],
        ["https", "todo.example.com", 443],
      ],
    );
    const [route, redirect] = ["route", "route-redirect"].map(
      (wanted) => find(resources, "HTTPRoute").find(({ name }) => name === wanted)!.inputs.spec,
    );
    assert.equal(route.parentRefs[0].sectionName, "https");
    assert.deepEqual(
      route.rules.map(({ matches, backendRefs }: any) => [
        matches[0].path.value,
        backendRefs[0].name,
      ]),
      [
        ["/api", "backend"],
        ["/", "frontend"],
      ],
    );
    assert.equal(redirect.parentRefs[0].sectionName, "http");
    assert.equal(redirect.rules[0].filters[0].requestRedirect.scheme, "https");
    const { http01 } = find(resources, "Issuer")[0]!.inputs.spec.acme.solvers[0];
    assert.equal(http01.gatewayHTTPRoute.parentRefs[0].name, gateway!.inputs.metadata.name);
  });

  it("does not wait for an address if the controller reports none", async () => {
    for (const kind of ["ingress", "gateway"] as const) {
      const { resources } = await deploy(undefined, { kind, waitForAddress: false });
      for (const { inputs } of resources.filter(({ custom }) => custom))
        assert.deepEqual(inputs.metadata.annotations, { "pulumi.com/skipAwait": "true" });
    }
  });
});
