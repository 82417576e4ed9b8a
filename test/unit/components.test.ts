import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { ContainerImage, type ContainerImageArgs } from "../../components/containerImage.ts";
import { peakBudget, quotaFor } from "../../components/kubernetes/resources.ts";
import { workload } from "../../components/kubernetes/network.ts";
import { Postgres } from "../../components/postgres.ts";
import { PublicRoute } from "../../components/publicRoute.ts";
import { WebService, type WebServiceArgs } from "../../components/webService.ts";
import { find, record, valueOf } from "./support/record.ts";

const resourceNeeds = { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } };

describe("ContainerImage", () => {
  const args: ContainerImageArgs = {
    repository: "ghcr.io/team/backend",
    tag: "dev",
    context: "./app/backend",
    platform: "linux/amd64",
    baseRegistry: "docker.io/library",
  };
  const build = (extra: Partial<ContainerImageArgs>) =>
    record(async () => {
      const image = new ContainerImage("backend-image", { ...args, ...extra });
      const outputs = await Promise.all([valueOf(image.reference), valueOf(image.revision)]);
      return [...outputs, image.pullPolicy] as const;
    });

  it("builds, pushes and hands out the digest", async () => {
    const { exports, resources } = await build({});
    assert.match(exports[0], /^ghcr\.io\/team\/backend@sha256:[0-9a-f]{64}$/);
    assert.equal(exports[2], "IfNotPresent");
    assert.deepEqual(find(resources, "Image")[0]!.inputs, {
      imageName: "ghcr.io/team/backend:dev",
      build: {
        context: "./app/backend",
        platform: "linux/amd64",
        args: { BASE_REGISTRY: "docker.io/library" },
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
  });
});

describe("Postgres", () => {
  it("creates nothing for an external server, and lets callers out to its port", async () => {
    const { exports, resources } = await record(
      () =>
        new Postgres("postgres", {
          mode: "external",
          externalPort: 6432,
          namespace: "ns",
          image: "docker.io/library/postgres:17",
          storage: "1Gi",
          resources: resourceNeeds,
          callers: ["backend"],
          rolloutTimeoutSeconds: 60,
        }).peer,
    );
    assert.deepEqual(exports, { kind: "outside", port: 6432 });
    assert.equal(resources.filter(({ custom }) => custom).length, 0);
  });
});

describe("WebService", () => {
  const image = {
    reference: pulumi.output("r@sha256:0"),
    revision: pulumi.output("r@sha256:0"),
    pullPolicy: "IfNotPresent" as const,
  };
  const args: WebServiceArgs = {
    namespace: "ns",
    image,
    port: 8000,
    userId: 10001,
    replicas: 2,
    resources: resourceNeeds,
    placement: "any",
    settings: { A: "1" },
    secretName: "secret-1",
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
    assert.deepEqual(container.envFrom, [
      { configMapRef: { name: "backend-1a2b3c4d" } },
      { secretRef: { name: "secret-1" } },
    ]);
  });

  it("keeps serving while it rolls and while a pod leaves", async () => {
    const { spec } = find(await deploy({}), "Deployment")[0]!.inputs;
    assert.deepEqual(spec.strategy.rollingUpdate, { maxSurge: 1, maxUnavailable: 0 });
    const pod = spec.template.spec;
    assert.deepEqual(pod.containers[0].lifecycle.preStop.exec.command, ["sleep", "5"]);
    assert.ok(pod.terminationGracePeriodSeconds >= 30);
    assert.equal(pod.containers[0].livenessProbe.httpGet.path, "/health/live");
    assert.equal(pod.containers[0].readinessProbe.httpGet.path, "/health/ready");
  });

  it("spreads its pods as the placement asks", async () => {
    const constraints = async (placement: WebServiceArgs["placement"]) =>
      find(
        await deploy({ placement }),
        "Deployment",
      )[0]!.inputs.spec.template.spec.topologySpreadConstraints.map((c: any) => [
        c.topologyKey,
        c.whenUnsatisfiable,
      ]);
    assert.deepEqual(await constraints("any"), []);
    assert.deepEqual(await constraints("preferred"), [
      ["kubernetes.io/hostname", "ScheduleAnyway"],
      ["topology.kubernetes.io/zone", "ScheduleAnyway"],
    ]);
    assert.deepEqual((await constraints("required"))[0], [
      "kubernetes.io/hostname",
      "DoNotSchedule",
    ]);
  });

  it("scales between its bounds and slowly down", async () => {
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

describe("PublicRoute", () => {
  const route = (extra: object) =>
    record(() => {
      const args = {
        namespace: "ns",
        host: "todo.example.com",
        paths: [{ path: "/", service: "frontend", port: 3000 }],
        ingress: { className: "nginx", namespace: "ingress-nginx", waitForAddress: true },
        rolloutTimeoutSeconds: 60,
        ...extra,
      };
      return valueOf(new PublicRoute("route", args).url);
    });

  it("is plain HTTP without an issuer", async () => {
    const { exports, resources } = await route({});
    assert.equal(exports, "http://todo.example.com");
    assert.deepEqual(
      resources.filter(({ custom }) => custom).map(({ type }) => type.split(":").pop()),
      ["Ingress"],
    );
    assert.equal("tls" in find(resources, "Ingress")[0]!.inputs.spec, false);
  });

  it("asks cert-manager for a certificate that the Ingress uses", async () => {
    const tls = { issuer: "letsencrypt-staging" as const, email: "ops@example.com" };
    const { exports, resources } = await route({ tls });
    assert.equal(exports, "https://todo.example.com");
    const issuer = find(resources, "Issuer")[0]!.inputs.spec.acme;
    assert.equal(issuer.server, "https://acme-staging-v02.api.letsencrypt.org/directory");
    const certificate = find(resources, "Certificate")[0]!.inputs.spec;
    assert.deepEqual(certificate.dnsNames, ["todo.example.com"]);
    assert.equal(
      "renewBefore" in certificate,
      false,
      "renewed by a share of the lifetime, not by days",
    );
    assert.equal(
      find(resources, "Ingress")[0]!.inputs.spec.tls[0].secretName,
      certificate.secretName,
    );
  });

  it("does not wait for an address where the controller reports none", async () => {
    const ingress = { className: "nginx", namespace: "ingress-nginx", waitForAddress: false };
    const { annotations } = find((await route({ ingress })).resources, "Ingress")[0]!.inputs
      .metadata;
    assert.deepEqual(annotations, { "pulumi.com/skipAwait": "true" });
  });
});

describe("budgets", () => {
  it("count a rolling workload at its largest twice, old pods and new", () => {
    const fixed = peakBudget({ replicas: 2, resources: resourceNeeds });
    const scaled = peakBudget({
      replicas: 3,
      autoscaling: { maxReplicas: 10 },
      resources: resourceNeeds,
    });
    assert.deepEqual([fixed.pods, scaled.pods], [4, 20]);
    assert.deepEqual(quotaFor([fixed]), {
      pods: "4",
      "requests.cpu": "400m",
      "requests.memory": "512Mi",
      "limits.memory": "1024Mi",
    });
  });
});
