/** The objects of a canary, and those of the deployed release beside it. */
import assert from "node:assert/strict";
import { parseConfig } from "../../config/load.ts";
import { find, record, type Recorded } from "./support/record.ts";
import { imageOf } from "./support/revisions.ts";
import { withKeys } from "./support/stages.ts";

const STABLE = { backend: imageOf("backend", "a"), frontend: imageOf("frontend", "b") };
const NEW = { backend: imageOf("backend", "c"), frontend: imageOf("frontend", "d") };
const GATEWAY = { kind: "gateway", className: "traefik" };

let runs = 0;
const declare = async (changes: Readonly<Record<string, unknown>>) => {
  const program = () => import(`../../index.ts?canary-${runs++}`);
  return record(program, "dev", withKeys("dev", { route: GATEWAY, ...changes }));
};
/** The deployed release alone. */
const alone = async () =>
  (await declare({ images: { registry: "localhost:5000", ...STABLE } })).resources;
const withCanary = (weight = 10, images: object = NEW) =>
  declare({
    images: { registry: "localhost:5000", ...images },
    canary: { replicas: 2, release: { weight, stable: STABLE } },
  });

const named = (resources: readonly Recorded[], kind: string, name: string) =>
  find(resources, kind).find((resource) => resource.name === name)!;
const imageIn = ({ inputs }: Recorded): string => inputs.spec.template.spec.containers[0].image;
const settingsOf = (resources: readonly Recorded[], name: string) =>
  named(resources, "ConfigMap", name).inputs.data;

describe("a canary", () => {
  let stable: readonly Recorded[];
  let resources: readonly Recorded[];
  before(async () => {
    stable = await alone();
    ({ resources } = await withCanary());
  });

  it("leaves the deployed release as it is: only the edges of its network and the migration change", () => {
    const changed = stable.filter(({ urn, custom, inputs }) => {
      const now = resources.find((each) => each.urn === urn);
      return custom && JSON.stringify(now?.inputs) !== JSON.stringify(inputs);
    });
    assert.deepEqual(changed.map(({ type, name }) => `${type.split(":").pop()} ${name}`).sort(), [
      "HTTPRoute route",
      "Job migration",
      "NetworkPolicy frontend",
      "NetworkPolicy postgres",
    ]);
  });

  it("is a second workload of each service, with the new image and a fixed number of pods", () => {
    for (const service of ["backend", "frontend"] as const) {
      const deployed = named(resources, "Deployment", service);
      const canary = named(resources, "Deployment", `${service}-canary`);
      assert.equal(imageIn(deployed), STABLE[service]);
      assert.equal(imageIn(canary), NEW[service]);
      assert.equal(canary.inputs.spec.replicas, 2);
      const [pod, other] = [deployed, canary].map(({ inputs }) => inputs.spec.template.spec);
      assert.deepEqual(other.volumes, pod.volumes, "the same Secret");
      assert.deepEqual(other.securityContext, pod.securityContext);
      assert.equal(find(resources, "HorizontalPodAutoscaler").length, 0);
      const { selector } = named(resources, "Service", `${service}-canary`).inputs.spec;
      assert.deepEqual(selector, canary.inputs.spec.selector.matchLabels);
    }
    assert.equal(imageIn(named(resources, "Job", "migration")), NEW.backend);
  });

  it("is built where its images are not named, and the deployed images are not", async () => {
    const built = (await withCanary(10, {})).resources;
    assert.deepEqual(
      find(built, "Image").map(({ name }) => name),
      ["backend-canary-image", "frontend-canary-image"],
    );
  });

  it("has pages that call the new backend, whichever pod renders them", () => {
    const settings = settingsOf(resources, "frontend-canary");
    assert.equal(settings.BACKEND_URL, "http://backend-canary:8000");
    assert.equal(settings.RELEASE_TRACK, "canary");
    assert.equal("RELEASE_TRACK" in settingsOf(resources, "frontend"), false);
    const { rules } = named(resources, "HTTPRoute", "route").inputs.spec;
    const pinned = rules.filter(({ matches }: any) => matches[0].headers);
    assert.equal(pinned.length, 3, "for each path");
    for (const { matches, backendRefs } of pinned) {
      assert.deepEqual(matches[0].headers, [
        { type: "Exact", name: "X-Release-Track", value: "canary" },
      ]);
      assert.equal(backendRefs.length, 1);
      assert.match(backendRefs[0].name, /-canary$/);
    }
  });

  it("gets its share of the other requests, once its pods are ready", () => {
    const route = named(resources, "HTTPRoute", "route");
    const refs = route.inputs.spec.rules
      .filter(({ matches }: any) => !matches[0].headers)
      .map(({ matches, backendRefs }: any) => [
        matches[0].path.value,
        ...backendRefs.map(({ name, port, weight }: any) => `${name}:${port} ${weight}`),
      ]);
    assert.deepEqual(refs, [
      ["/api/auth", "frontend:3000 90", "frontend-canary:3000 10"],
      ["/api", "backend:8000 90", "backend-canary:8000 10"],
      ["/", "frontend:3000 90", "frontend-canary:3000 10"],
    ]);
    for (const name of ["backend-canary", "frontend-canary"])
      assert.ok(route.dependsOn.includes(named(resources, "Deployment", name).urn), name);
  });

  it("exchanges scripts of pages with the deployed frontend", () => {
    assert.equal(settingsOf(resources, "frontend-canary").PEER_URL, "http://frontend-peers:3000");
    const { metadata, addressType, endpoints, ports } = find(resources, "EndpointSlice")[0]!.inputs;
    assert.equal(metadata.labels["kubernetes.io/service-name"], "frontend-peers");
    assert.equal(metadata.labels["endpointslice.kubernetes.io/managed-by"], "todo-app");
    assert.equal(addressType, "IPv4");
    assert.deepEqual(endpoints[0].addresses, ["10.96.0.10"], "the address of its Service");
    assert.deepEqual(ports, [{ name: "http", port: 3000, protocol: "TCP" }]);
  });

  it("may call and be called as the release beside it, with its own ends", () => {
    const edges = (policy: string, side: "ingress" | "egress") =>
      (named(resources, "NetworkPolicy", policy).inputs.spec[side] as any[])
        .flatMap(({ to, from, ports }) =>
          (to ?? from).map(
            ({ podSelector }: any) =>
              podSelector &&
              `${podSelector.matchLabels["app.kubernetes.io/name"]}:${ports[0].port}`,
          ),
        )
        .filter(Boolean)
        .sort();
    assert.deepEqual(edges("backend-canary", "ingress"), ["frontend-canary:8000"]);
    assert.deepEqual(edges("backend-canary", "egress"), ["postgres:5432"]);
    assert.deepEqual(edges("frontend-canary", "ingress"), ["frontend:3000"]);
    assert.deepEqual(edges("frontend-canary", "egress"), [
      "backend-canary:8000",
      "frontend:3000",
      "postgres:5432",
    ]);
    assert.deepEqual(edges("backend", "ingress"), ["frontend:8000"]);
    assert.deepEqual(edges("postgres", "ingress"), [
      "backend-canary:5432",
      "backend:5432",
      "frontend-canary:5432",
      "frontend:5432",
      "migration:5432",
    ]);
  });

  it("with weight 0 serves nothing, and still is there", async () => {
    const { resources: drained } = await withCanary(0);
    const spec = (all: readonly Recorded[]) => named(all, "HTTPRoute", "route").inputs.spec;
    assert.deepEqual(spec(drained), spec(stable));
    assert.ok(named(drained, "Deployment", "backend-canary"));
  });

  it("is reached through proxies beside the Gateway, where a stage has those", async () => {
    const route = { ...GATEWAY, className: "istio", namespace: "istio-system" };
    const { resources: declared } = await declare({
      route: { ...route, proxies: "app-namespace" },
      canary: { release: { weight: 10, stable: STABLE } },
    });
    const { egress } = named(declared, "NetworkPolicy", "route-proxies").inputs.spec;
    const names = egress.flatMap(({ to }: any) =>
      to.flatMap(
        ({ podSelector }: any) => podSelector?.matchLabels["app.kubernetes.io/name"] ?? [],
      ),
    );
    assert.deepEqual(names.sort(), ["backend", "backend-canary", "frontend", "frontend-canary"]);
  });
});

describe("the settings of a canary", () => {
  const parse = (changes: Readonly<Record<string, unknown>>) =>
    parseConfig("dev", withKeys("dev", changes));
  const release = { weight: 10, stable: STABLE };

  it("start none by themselves", () => {
    assert.equal(parse({ canary: { replicas: 2 } }).canary, undefined);
  });

  it("refuse one behind an Ingress, which has no weights", () =>
    assert.throws(
      () => parse({ canary: { release } }),
      /canary\.release .*allowed: no value, because route\.kind is not gateway, and an Ingress has no weights/,
    ));

  it("count its pods and their connections", () => {
    const small = { route: GATEWAY, canary: { replicas: 10, release } };
    assert.throws(
      () => parse({ ...small, quota: { pods: 30 } }),
      /quota\.pods is 30; allowed: at least 55/,
    );
    assert.throws(
      () => parse({ ...small, database: { mode: "in-cluster", maxConnections: 100 } }),
      /at least 197: .*20 backend-canary pods with 6 each, 20 frontend-canary pods with 2 each/,
    );
  });
});
