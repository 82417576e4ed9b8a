/** Tests for mistakes that were made once, so that they are not made again. */
import assert from "node:assert/strict";
import { parseConfig } from "../../config/load.ts";
import { find, record } from "./support/record.ts";
import { stageConfig, withKey } from "./support/stages.ts";

const resourcesOf = async (stage: string, config: Readonly<Record<string, string>>) => {
  const name = Math.random().toString(36);
  return (await record(() => import(`../../index.ts?faults-${name}`), stage, config)).resources;
};

describe("the stack", () => {
  it("runs a new migration for a new image whose reference stays the same", async () => {
    const images = { registry: "localhost:5000", push: false };
    const resources = await resourcesOf("dev", withKey("dev", "images", images));
    const { template } = find(resources, "Job")[0]!.inputs.spec;
    const { image } = template.spec.containers[0];
    assert.doesNotMatch(image, /@sha256/);
    assert.match(template.metadata.annotations["todo-app/image-revision"], /sha256/);
  });

  it("runs a migration that survives the drain of its node, and is not retried when it fails", async () => {
    const { spec } = find(await resourcesOf("dev", stageConfig("dev")), "Job")[0]!.inputs;
    assert.equal(spec.backoffLimit, 0);
    assert.deepEqual(spec.podFailurePolicy.rules, [
      { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
    ]);
    assert.equal(spec.template.spec.restartPolicy, "Never", "or the API server refuses the policy");
  });

  it("sends no empty list, which the API server would drop", async () => {
    const emptyLists = (value: any, path = ""): string[] => {
      if (Array.isArray(value))
        return value.length
          ? value.flatMap((item, i) => emptyLists(item, `${path}[${i}]`))
          : [path];
      if (value === null || typeof value !== "object") return [];
      return Object.entries(value).flatMap(([key, inner]) => emptyLists(inner, `${path}.${key}`));
    };
    for (const { inputs } of find(await resourcesOf("dev", stageConfig("dev")), "Deployment"))
      assert.deepEqual(emptyLists(inputs), []);
  });

  it("can make browsers accept plain HTTP again", () => {
    const tls = { issuer: "letsencrypt-staging", email: "ops@todo-app.com", hstsMaxAgeSeconds: 0 };
    const { settings } = parseConfig("staging", withKey("staging", "tls", tls));
    assert.deepEqual([settings.HSTS_MAX_AGE, settings.HTTPS_REDIRECT], ["0", "true"]);
    const plain = parseConfig("dev", stageConfig("dev")).settings;
    assert.deepEqual(Object.keys(plain), ["ENVIRONMENT", "FRONTEND_URL"]);
  });
});
