/**
 * What a deploy sends for workloads: the owner of the replica count, the order of the time-outs, the login for pulling
 * images.
 */
import assert from "node:assert/strict";
import { find, isSecret, record, type Recorded } from "./support/record.ts";
import { stageConfig, withKeys } from "./support/stages.ts";

let runs = 0;
async function stack(stage: string, changes: Readonly<Record<string, unknown>> = {}) {
  const program = () => import(`../../index.ts?rollouts-${runs++}`);
  return (await record(program, stage, withKeys(stage, changes))).resources;
}

const annotation = ({ inputs }: Recorded, name: string) =>
  inputs.metadata.annotations[`pulumi.com/${name}`];
const podSpecs = (resources: readonly Recorded[]) =>
  ["Deployment", "StatefulSet", "Job"]
    .flatMap((kind) => find(resources, kind))
    .map((resource) => [resource, resource.inputs.spec.template.spec] as const);

describe("the replica count", () => {
  it("is taken over after autoscaling was given up, whoever owns the field", async () => {
    const backend = JSON.parse(stageConfig("staging")["todo-app:backend"]!);
    delete backend.autoscaling;
    const resources = await stack("staging", { backend });
    const [deployment] = find(resources, "Deployment").filter(({ name }) => name === "backend");
    assert.equal(annotation(deployment!, "patchForce"), "true");
    assert.deepEqual(deployment!.ignoreChanges, []);
  });

  it("is not sent while there is an autoscaler", async () => {
    for (const deployment of find(await stack("staging"), "Deployment")) {
      assert.equal(annotation(deployment, "patchForce"), undefined);
      assert.deepEqual(deployment.ignoreChanges, ["spec.replicas"]);
    }
  });
});

describe("time-outs", () => {
  for (const rolloutTimeoutSeconds of [150, 300, 3600])
    it(`with a rollout of ${rolloutTimeoutSeconds} s: the one that knows the reason fires first`, async () => {
      for (const [resource, { containers }] of podSpecs(
        await stack("dev", { rolloutTimeoutSeconds }),
      )) {
        const { spec } = resource.inputs;
        const wait = Number(annotation(resource, "timeoutSeconds"));
        const deadline = spec.progressDeadlineSeconds ?? spec.activeDeadlineSeconds ?? wait - 1;
        const { periodSeconds = 0, failureThreshold = 0 } = containers[0].startupProbe ?? {};
        assert.ok(periodSeconds * failureThreshold < deadline, `${resource.name}: probes`);
        assert.ok(deadline < wait, `${resource.name}: Kubernetes gives up first`);
      }
    });
});

describe("images of a private registry", () => {
  const pullSecrets = (resources: readonly Recorded[]) =>
    podSpecs(resources).map(([, { imagePullSecrets }]) => imagePullSecrets);
  const login = { registryUsername: "ci", registryPassword: "canary" };

  it("are pulled with the login that they are pushed with", async () => {
    const resources = await stack("dev", { ...login, images: { registry: "ghcr.io" } });
    const secret = find(resources, "Secret").find(({ name }) => name === "pull-secret")!.inputs;
    assert.equal(secret.type, "kubernetes.io/dockerconfigjson");
    assert.ok(isSecret(secret.stringData) || isSecret(secret.stringData[".dockerconfigjson"]));
    const data = secret.stringData.secret ?? secret.stringData;
    const json = data[".dockerconfigjson"].secret ?? data[".dockerconfigjson"];
    const auth = Buffer.from("ci:canary").toString("base64");
    assert.deepEqual(JSON.parse(json), {
      auths: { "ghcr.io": { username: "ci", password: "canary", auth } },
    });
    assert.equal("name" in secret.metadata, false, "auto-named: another login rolls the pods");
    for (const secrets of pullSecrets(resources))
      assert.deepEqual(secrets, [{ name: "pull-secret-1a2b3c4d" }]);
  });

  it("are pulled from Docker Hub with a login under the address that nodes look up", async () => {
    const resources = await stack("dev", { ...login, images: { registry: "docker.io" } });
    const secret = find(resources, "Secret").find(({ name }) => name === "pull-secret")!;
    assert.ok(JSON.stringify(secret.inputs).includes("https://index.docker.io/v1/"));
  });

  it("are pulled with a Secret that somebody else fills, if the stage names one", async () => {
    const images = { registry: "ghcr.io", pullSecretName: "pull" };
    const resources = await stack("dev", { ...login, images });
    assert.ok(!find(resources, "Secret").some(({ name }) => name === "pull-secret"));
    for (const secrets of pullSecrets(resources)) assert.deepEqual(secrets, [{ name: "pull" }]);
  });

  it("need no Secret in a public registry", async () => {
    for (const secrets of pullSecrets(await stack("dev"))) assert.equal(secrets, undefined);
  });
});
