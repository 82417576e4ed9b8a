/** The policy pack: every stage keeps its rules, and each rule refuses what it is for. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { RULES, type Resource } from "../../policy/rules.ts";
import { DEFAULTS, type Settings } from "../../policy/settings.ts";
import { policyPacks } from "../../ops/lib/engine/policies.ts";

interface Recorded {
  readonly type: string;
  readonly name: string;
  readonly protect?: boolean;
  /** A component has none. */
  readonly inputs?: Resource["props"];
}

/** The resources that a stage declares. */
function resourcesOf(stage: string): readonly (Resource & { readonly name: string })[] {
  const recorded = JSON.parse(readFileSync(`test/golden/${stage}.json`, "utf8")) as Recorded[];
  return recorded.map(({ type, name, protect = false, inputs }) => {
    return { type, name, stage, protect, props: inputs ?? {} };
  });
}

/** What each rule finds, as "rule: problem". */
const findings = (resource: Resource, settings: Settings = DEFAULTS) =>
  RULES.flatMap(({ name, check }) => check(resource, settings).map((text) => `${name}: ${text}`));

/** A resource of production whose inputs were changed. */
function changed(type: string, name: string, change: (props: any) => void): Resource {
  const found = resourcesOf("production").find((one) => one.type === type && one.name === name)!;
  const props = structuredClone(found.props);
  change(props);
  return { ...found, props };
}

const DEPLOYMENT = "kubernetes:apps/v1:Deployment";
const SERVICE = "kubernetes:core/v1:Service";
const CONFIG_MAP = "kubernetes:core/v1:ConfigMap";

const pod = (change: (spec: any) => void) =>
  changed(DEPLOYMENT, "backend", ({ spec }) => change(spec.template.spec));
const container = (change: (container: any) => void) =>
  pod(({ containers: [first] }) => change(first));
const security = (change: object) => container((one) => Object.assign(one.securityContext, change));

const REFUSED: Readonly<Record<string, readonly (readonly [Resource, RegExp])[]>> = {
  "images-by-digest": [
    [container((one) => (one.image = "ghcr.io/todo-app/backend:latest")), /backend:latest/],
  ],
  "restricted-pods": [
    [pod((spec) => (spec.hostNetwork = true)), /hostNetwork is true/],
    [
      pod((spec) => spec.volumes.push({ name: "host", hostPath: { path: "/" } })),
      /host is a hostP/,
    ],
    [security({ allowPrivilegeEscalation: true }), /allowPrivilegeEscalation is not false/],
    [security({ privileged: true }), /privileged is true/],
    [security({ readOnlyRootFilesystem: false }), /readOnlyRootFilesystem is not true/],
    [security({ capabilities: { drop: ["CHOWN"] } }), /capabilities.drop lacks ALL/],
    [security({ runAsNonRoot: false }), /runAsNonRoot is not true/],
    [security({ seccompProfile: { type: "Unconfined" } }), /seccompProfile is Unconfined/],
  ],
  "limits-are-set": [
    [container((one) => delete one.resources.limits.memory), /no resources.limits.memory/],
    [container((one) => delete one.resources), /no resources.requests.cpu/],
  ],
  "only-the-route-is-public": [
    [changed(SERVICE, "backend", ({ spec }) => (spec.type = "NodePort")), /spec.type is NodePort/],
    [changed(SERVICE, "frontend", ({ spec }) => (spec.type = "LoadBalancer")), /LoadBalancer/],
  ],
  "no-plain-secrets": [
    [container((one) => (one.env = [{ name: "API_KEY", value: "abc" }])), /the secret API_KEY/],
    [container((one) => (one.env = [{ name: "DB", value: "postgresql://a:b@c/d" }])), /secret DB /],
    [changed(CONFIG_MAP, "backend", ({ data }) => (data.SESSION_SECRET = "abc")), /SESSION_SECRET/],
  ],
  "data-is-protected": [
    [{ ...changed("kubernetes:core/v1:Namespace", "app", () => {}), protect: false }, /protect/],
    [
      {
        type: "kubernetes:core/v1:PersistentVolumeClaim",
        stage: "dev",
        protect: false,
        props: {},
      },
      /must be true/,
    ],
  ],
  "required-labels": [
    [changed(SERVICE, "backend", ({ metadata }) => (metadata.labels = {})), /lacks the label app/],
    [
      changed(DEPLOYMENT, "backend", ({ spec }) => (spec.template.metadata.labels = {})),
      /the pod template lacks the label app.kubernetes.io\/name/,
    ],
  ],
  "runs-built-images": [
    [
      changed(DEPLOYMENT, "backend", ({ spec }) => {
        spec.template.metadata.annotations["todo-app/development"] = "true";
      }),
      /the annotation todo-app\/development, which make dev sets/,
    ],
  ],
};

describe("the policy pack", () => {
  for (const stage of ["dev", "staging", "production"])
    it(`accepts every resource of ${stage}`, () => {
      const problems = resourcesOf(stage).flatMap((resource) =>
        findings(resource).map((text) => `${resource.type} ${resource.name}: ${text}`),
      );
      assert.deepEqual(problems, []);
    });

  for (const [rule, cases] of Object.entries(REFUSED))
    it(`refuses by ${rule}, and by no other rule`, () => {
      for (const [resource, says] of cases) {
        const found = findings(resource);
        assert.ok(found.length, `nothing was found instead of ${says}`);
        assert.deepEqual([...new Set(found.map((text) => text.split(":")[0]))], [rule]);
        assert.match(found.join("\n"), says);
      }
    });

  it("refuses other registries than those that are allowed, where any are", () => {
    const backend = container(() => {});
    const allow = (...registries: string[]) => findings(backend, { ...DEFAULTS, registries });
    assert.deepEqual(allow(), []);
    assert.deepEqual(allow("quay.io/", "ghcr.io/todo-app/"), []);
    assert.match(allow("quay.io/")[0]!, /^allowed-registries: .*; allowed: quay\.io\/$/);
  });

  it("lets development stages have tags, other Services and sources, and names each rule once", () => {
    const dev = (resource: Resource) => findings({ ...resource, stage: "dev" });
    assert.deepEqual(dev(REFUSED["images-by-digest"]![0]![0]), []);
    assert.deepEqual(dev(REFUSED["only-the-route-is-public"]![0]![0]), []);
    assert.deepEqual(dev(REFUSED["runs-built-images"]![0]![0]), []);
    const names = RULES.map(({ name }) => name);
    assert.deepEqual(names.toSorted(), [...Object.keys(REFUSED), "allowed-registries"].toSorted());
  });

  it("lets the database server have a tag in every stage, but no image of the app", () => {
    const server = container((one) => (one.image = "docker.io/library/postgres:17"));
    assert.deepEqual(findings(server), []);
    assert.match(
      findings(server, { ...DEFAULTS, taggedImages: [] })[0]!,
      /^images-by-digest: container backend has the image docker\.io\/library\/postgres:17,/,
    );
  });

  it("passes over a value that is not known before the deploy", () => {
    class UnknownValueError extends Error {}
    const unknown = container((one) =>
      Object.defineProperty(one, "image", {
        get: () => {
          throw new UnknownValueError("known after the deploy");
        },
      }),
    );
    assert.deepEqual(findings(unknown, { ...DEFAULTS, registries: ["quay.io/"] }), []);
  });

  it("is a program for a recent engine, and a folder for an older one", () => {
    const packs = (pulumiVersion: string) =>
      policyPacks({ workspace: { pulumiVersion } } as any).map((path) => relative(".", path));
    assert.deepEqual(packs("3.274.1"), ["policy/index.ts"]);
    assert.deepEqual(packs("4.0.0"), ["policy/index.ts"]);
    assert.deepEqual(packs("3.200.0"), ["policy"]);
  });
});
