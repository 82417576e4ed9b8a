/** The form of a stage for development: what may have it, and which objects it has. */
import assert from "node:assert/strict";
import { memoryBytes } from "../../components/kubernetes/resources.ts";
import { parseConfig } from "../../config/load.ts";
import { RULES } from "../../policy/rules.ts";
import { DEFAULTS } from "../../policy/settings.ts";
import { find, record, type Recorded } from "./support/record.ts";
import { imageOf } from "./support/revisions.ts";
import { withKeys } from "./support/stages.ts";

let runs = 0;
const declare = async (changes: Readonly<Record<string, unknown>>) => {
  const program = () => import(`../../index.ts?development-${runs++}`);
  return (await record(program, "dev", withKeys("dev", changes))).resources;
};
const SIZES = {
  replicas: 3,
  autoscaling: { minReplicas: 2, maxReplicas: 5 },
  resources: {
    requests: { cpu: "200m", memory: "300Mi" },
    limits: { cpu: "1", memory: "300Mi" },
  },
};

describe("a stage in development", () => {
  let built: readonly Recorded[];
  let resources: readonly Recorded[];
  const named = (kind: string, name: string, from = resources) =>
    find(from, kind).find((resource) => resource.name === name)!;
  const podOf = (name: string, from = resources) =>
    named("Deployment", name, from).inputs.spec.template;
  before(async () => {
    const sizes = { backend: SIZES, frontend: SIZES };
    built = await declare(sizes);
    resources = await declare({ ...sizes, development: true });
  });

  it("builds the stage development of each Dockerfile, under a tag of its own", () => {
    for (const name of ["backend-image", "frontend-image"]) {
      const [image, other] = [resources, built].map((from) => named("Image", name, from).inputs);
      assert.equal(image.build.target, "development");
      assert.equal("target" in other.build, false);
      assert.notEqual(image.imageName, other.imageName);
    }
  });

  it("has one pod of each service, which may write its sources and is not restarted because of them", () => {
    assert.deepEqual(find(resources, "HorizontalPodAutoscaler"), []);
    for (const name of ["backend", "frontend"]) {
      assert.equal(named("Deployment", name).inputs.spec.replicas, 1);
      const { metadata, spec } = podOf(name);
      const [container] = spec.containers;
      assert.equal(metadata.annotations["todo-app/development"], "true");
      assert.equal(container.livenessProbe, undefined);
      assert.ok(container.startupProbe && container.readinessProbe);
      const mount = container.volumeMounts.find((each: any) =>
        each.mountPath.includes("development"),
      );
      const volume = spec.volumes.find((each: any) => each.name === mount.name);
      assert.deepEqual(volume.emptyDir, { sizeLimit: "1024Mi" });
      const storage = container.resources.limits["ephemeral-storage"];
      assert.ok(memoryBytes(storage) > memoryBytes("1024Mi"), storage);
    }
  });

  it("keeps the stage's sizes, with the memory that a compiler takes and without a limit of CPU", () => {
    const sizesOf = (name: string) => {
      const { requests, limits } = podOf(name).spec.containers[0].resources;
      return [requests.cpu, requests.memory, limits.cpu, limits.memory];
    };
    assert.deepEqual(sizesOf("backend"), ["200m", "300Mi", undefined, "300Mi"]);
    assert.deepEqual(sizesOf("frontend"), ["200m", "768Mi", undefined, "2Gi"]);
  });

  it("changes nothing else: the same security, connections, settings, secrets and routes", () => {
    const kinds = ["NetworkPolicy", "Secret", "ConfigMap", "Ingress", "Service", "ResourceQuota"];
    for (const kind of kinds)
      assert.deepEqual(
        find(resources, kind).map(({ inputs }) => inputs),
        find(built, kind).map(({ inputs }) => inputs),
      );
    for (const name of ["backend", "frontend"]) {
      const [pod, other] = [resources, built].map((from) => podOf(name, from).spec);
      assert.deepEqual(pod.securityContext, other.securityContext);
      assert.deepEqual(
        pod.containers[0].securityContext,
        other.containers[0].securityContext,
        "also the read-only root file system",
      );
    }
  });

  it("keeps the rules of the policy pack in dev, and breaks one elsewhere", () => {
    const found = (stage: string) =>
      resources.flatMap(({ type, protect, inputs: props }) =>
        RULES.flatMap(({ name, check }) =>
          check({ type, stage, protect, props }, DEFAULTS).map(() => name),
        ),
      );
    assert.deepEqual(found("dev"), []);
    assert.deepEqual(found("staging"), ["runs-built-images", "runs-built-images"]);
  });

  const refusals: readonly (readonly [string, object, RegExp])[] = [
    ["is protected", { protectResources: true }, /because protectResources is true/],
    [
      "names an image",
      { images: { registry: "localhost:5000", backend: imageOf("backend", "a") } },
      /because images\.backend names an image/,
    ],
    [
      "has a canary",
      {
        route: { kind: "gateway", className: "traefik" },
        canary: {
          release: {
            weight: 10,
            stable: { backend: imageOf("backend", "a"), frontend: imageOf("frontend", "b") },
          },
        },
      },
      /because a canary runs/,
    ],
  ];
  for (const [what, changes, reason] of refusals)
    it(`is refused where the stage ${what}, with the key and the fix`, () => {
      const parse = () => parseConfig("dev", withKeys("dev", { ...changes, development: true }));
      assert.throws(parse, reason);
      assert.throws(parse, /todo-app:development is true; allowed: false, because/);
      parseConfig("dev", withKeys("dev", { ...changes }));
    });

  it("is refused where its pods do not fit the quota", () => {
    const quota = { pods: 40, cpu: "10", memory: "5Gi" };
    parseConfig("dev", withKeys("dev", { quota }));
    assert.throws(
      () => parseConfig("dev", withKeys("dev", { quota, development: true })),
      /todo-app:quota\.memory is "5Gi"; allowed: at least \dGi/,
    );
  });
});
