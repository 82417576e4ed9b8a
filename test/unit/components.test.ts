import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { ContainerImage, type ContainerImageArgs } from "../../components/containerImage.ts";
import { workload } from "../../components/kubernetes/network.ts";
import { WebService, type WebServiceArgs } from "../../components/webService.ts";
import { Worker } from "../../components/worker.ts";
import { find, record, valueOf } from "./support/record.ts";

const resourceNeeds = { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } };

describe("ContainerImage", () => {
  const args: ContainerImageArgs = {
    repository: "ghcr.io/team/backend",
    tag: "dev",
    context: "./app/backend",
    platform: "linux/amd64",
    baseImage: `docker.io/library/python:3.13-slim@sha256:${"b".repeat(64)}`,
  };
  const build = (extra: Partial<ContainerImageArgs>) =>
    record(async () => {
      const image = new ContainerImage("backend-image", { ...args, ...extra });
      const outputs = await Promise.all([valueOf(image.reference), valueOf(image.revision)]);
      return [...outputs, image.pullPolicy] as const;
    });

  it("builds and pushes, and returns the digest", async () => {
    const { exports, resources } = await build({});
    assert.match(exports[0], /^ghcr\.io\/team\/backend@sha256:[0-9a-f]{64}$/);
    assert.equal(exports[2], "IfNotPresent");
    const { imageName, ...inputs } = find(resources, "Image")[0]!.inputs;
    assert.match(imageName, /^ghcr\.io\/team\/backend:dev-[0-9a-f]{12}$/);
    assert.deepEqual(inputs, {
      build: {
        context: "./app/backend",
        platform: "linux/amd64",
        args: { BASE_IMAGE: `docker.io/library/python:3.13-slim@sha256:${"b".repeat(64)}` },
      },
      buildOnPreview: false,
      skipPush: false,
    });
  });

  it("with push off, names the local tag, never pulls, and rolls by the revision", async () => {
    const { exports, resources } = await build({ push: false });
    assert.deepEqual([exports[0], exports[2]], ["ghcr.io/team/backend:dev", "Never"]);
    assert.match(exports[1], /@sha256:/);
    assert.equal(find(resources, "Image")[0]!.inputs.skipPush, true);
  });

  it("builds nothing when a prebuilt reference is given", async () => {
    const prebuilt = `ghcr.io/team/backend@sha256:${"a".repeat(64)}`;
    const { exports, resources } = await build({ prebuilt, push: false });
    assert.deepEqual(exports, [prebuilt, prebuilt, "IfNotPresent"]);
    assert.deepEqual(find(resources, "Image"), []);
  });

  it("passes the build cache, and the login with its password as a secret", async () => {
    const credentials = { username: "ci", password: pulumi.secret("canary") };
    const { resources } = await build({ credentials, cacheFrom: ["ghcr.io/team/backend:cache"] });
    const { registry, build: settings } = find(resources, "Image")[0]!.inputs;
    const { server, username, password } = registry.secret ?? registry;
    assert.deepEqual([server, username], ["ghcr.io", "ci"]);
    assert.ok(registry.secret ?? password.secret, "the password is marked as secret");
    assert.deepEqual(settings.cacheFrom, { images: ["ghcr.io/team/backend:cache"] });
    assert.equal(settings.args.BUILDKIT_INLINE_CACHE, "1", "the build serves as a cache, too");
  });

  describe("in a registry with immutable tags", () => {
    const pushed = async (extra: Partial<ContainerImageArgs> = {}) => {
      const { exports, resources } = await build({ immutableTags: true, ...extra });
      const [image] = find(resources, "Image");
      const [end] = find(resources, "RandomPassword");
      return { exports, name: image!.inputs.imageName as string, end };
    };
    const cause = async (extra: Partial<ContainerImageArgs> = {}) =>
      (await pushed(extra)).end!.inputs.keepers.builtFrom as string;

    it("pushes each build under a tag that was never there, and shows it", async () => {
      const { name, end, exports } = await pushed();
      assert.match(name, /^ghcr\.io\/team\/backend:dev-[0-9a-f]{12}-generated-backend-image-tag$/);
      assert.deepEqual(
        { ...end!.inputs, keepers: undefined },
        { length: 8, special: false, upper: false, keepers: undefined },
        "letters and digits alone are allowed in any tag",
      );
      assert.match(exports[0], /^ghcr\.io\/team\/backend@sha256:[0-9a-f]{64}$/);
    });

    it("keeps the tag while Pulumi has no cause to build again", async () => {
      assert.equal(await cause(), await cause());
    });

    it("takes a new tag for everything for which Pulumi builds again", async () => {
      const changes: readonly Partial<ContainerImageArgs>[] = [
        {},
        { platform: "linux/arm64" },
        { baseImage: `docker.io/library/python:3.13-slim@sha256:${"c".repeat(64)}` },
        { cacheFrom: ["ghcr.io/team/backend:cache"] },
        { context: "./app/frontend" },
      ];
      const causes: string[] = [];
      for (const change of changes) causes.push(await cause(change));
      assert.equal(new Set(causes).size, causes.length);
    });

    it("has no such tag for an image that is not pushed, or not built", async () => {
      assert.equal((await pushed({ push: false })).name, "ghcr.io/team/backend:dev");
      const prebuilt = `ghcr.io/team/backend@sha256:${"a".repeat(64)}`;
      const { resources } = await build({ immutableTags: true, prebuilt });
      assert.deepEqual(find(resources, "RandomPassword"), []);
    });
  });
});

const image = {
  reference: pulumi.output("r@sha256:0"),
  revision: pulumi.output("r@sha256:0"),
  pullPolicy: "IfNotPresent" as const,
};

describe("WebService", () => {
  const args: WebServiceArgs = {
    namespace: "ns",
    image,
    port: 8000,
    userId: 10001,
    replicas: 2,
    resources: resourceNeeds,
    placement: "any",
    settings: { A: "1" },
    secrets: { name: "secret-1", keys: ["DATABASE_URL"] },
    writablePaths: ["/tmp"],
    callers: [],
    callees: [workload("postgres", 5432)],
    rolloutTimeoutSeconds: 60,
  };
  const deploy = async (extra: Partial<WebServiceArgs>) =>
    (await record(() => new WebService("backend", { ...args, ...extra }))).resources;

  it("takes its settings from an auto-named ConfigMap and the given Secret", async () => {
    const resources = await deploy({});
    assert.equal("name" in find(resources, "ConfigMap")[0]!.inputs.metadata, false);
    const [container] = find(resources, "Deployment")[0]!.inputs.spec.template.spec.containers;
    assert.deepEqual(container.envFrom, [{ configMapRef: { name: "backend-1a2b3c4d" } }]);
    const [{ name, value }] = container.env;
    assert.deepEqual([name, value], ["DATABASE_URL_FILE", "/run/secrets/todo-app/DATABASE_URL"]);
    const [volume] = find(resources, "Deployment")[0]!.inputs.spec.template.spec.volumes;
    assert.deepEqual(volume.secret, { secretName: "secret-1", defaultMode: 0o440 });
  });

  it("keeps serving during a rollout and while a pod terminates", async () => {
    const { spec } = find(await deploy({}), "Deployment")[0]!.inputs;
    assert.deepEqual(spec.strategy.rollingUpdate, { maxSurge: 1, maxUnavailable: 0 });
    const pod = spec.template.spec;
    const leaving: number = pod.containers[0].lifecycle.preStop.sleep.seconds;
    assert.ok(leaving >= 5);
    assert.ok(pod.terminationGracePeriodSeconds >= leaving + 30);
    assert.ok(spec.minReadySeconds > 0);
    assert.equal(pod.containers[0].livenessProbe.httpGet.path, "/health/live");
    assert.equal(pod.containers[0].readinessProbe.httpGet.path, "/health/ready");
  });

  it("spreads its pods as the placement asks", async () => {
    const constraints = async (placement: WebServiceArgs["placement"]) =>
      find(
        await deploy({ placement }),
        "Deployment",
      )[0]!.inputs.spec.template.spec.topologySpreadConstraints?.map((c: any) => [
        c.topologyKey,
        c.whenUnsatisfiable,
      ]);
    assert.equal(await constraints("any"), undefined);
    assert.deepEqual(await constraints("preferred"), [
      ["kubernetes.io/hostname", "ScheduleAnyway"],
      ["topology.kubernetes.io/zone", "ScheduleAnyway"],
    ]);
    assert.deepEqual((await constraints("required"))[0], [
      "kubernetes.io/hostname",
      "DoNotSchedule",
    ]);
  });

  it("scales between its bounds, and scales down slowly", async () => {
    const autoscaling = { minReplicas: 2, maxReplicas: 10, targetCPUUtilization: 70 };
    const { spec } = find(await deploy({ autoscaling }), "HorizontalPodAutoscaler")[0]!.inputs;
    assert.deepEqual(
      [spec.minReplicas, spec.maxReplicas, spec.scaleTargetRef.name],
      [2, 10, "backend"],
    );
    assert.equal(spec.metrics[0].resource.target.averageUtilization, 70);
    assert.equal(spec.behavior.scaleDown.stabilizationWindowSeconds, 300);
    assert.equal(find(await deploy({}), "HorizontalPodAutoscaler").length, 0);
  });
});

describe("Worker", () => {
  it("accepts no connections, and has time to finish its task in progress", async () => {
    const { resources } = await record(
      () =>
        new Worker("mailer", {
          namespace: "ns",
          image,
          replicas: 1,
          resources: resourceNeeds,
          placement: "any",
          callees: [workload("postgres", 5432)],
          rolloutTimeoutSeconds: 150,
        }),
    );
    assert.deepEqual(find(resources, "Service"), []);
    const { spec: policy } = find(resources, "NetworkPolicy")[0]!.inputs;
    assert.deepEqual(policy.ingress, []);
    const { spec } = find(resources, "Deployment")[0]!.inputs.spec.template;
    assert.equal(spec.terminationGracePeriodSeconds, 60);
    assert.equal(spec.containers[0].readinessProbe, undefined);
    assert.deepEqual(find(resources, "PodDisruptionBudget")[0]!.inputs.spec.maxUnavailable, 1);
  });
});
