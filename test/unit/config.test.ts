import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { parseConfig, type StackConfig } from "../../config/load.ts";
import { stageSchema } from "../../config/schema.ts";
import { STAGES, declared, stageConfig, withKey } from "./support/stages.ts";

describe("the stage files", () => {
  const table: Record<string, (config: StackConfig) => unknown[]> = {
    dev: (c) => [
      c.address.host,
      c.backend.replicas,
      c.backend.autoscaling,
      c.address.tls,
      c.database.mode,
      c.llm.settings.LLM_PROVIDER,
      c.web.placement,
    ],
    staging: (c) => [
      c.address.host,
      c.backend.replicas,
      c.frontend.autoscaling,
      c.address.tls?.issuer,
      c.database.mode,
      c.llm.settings.LLM_PROVIDER,
      c.web.placement,
    ],
    production: (c) => [
      c.address.host,
      c.backend.replicas,
      c.frontend.autoscaling,
      c.address.tls?.issuer,
      c.database.mode,
      c.protectResources,
      c.web.placement,
    ],
  };
  const autoscaling = { minReplicas: 2, maxReplicas: 10, targetCPUUtilization: 70 };
  const expected: Record<string, unknown[]> = {
    dev: ["todo-app.local", 2, undefined, undefined, "in-cluster", "builtin", "any"],
    staging: [
      "staging.todo-app.com",
      3,
      autoscaling,
      "letsencrypt-staging",
      "external",
      "openai",
      "preferred",
    ],
    production: [
      "todo-app.com",
      5,
      autoscaling,
      "letsencrypt-production",
      "external",
      true,
      "required",
    ],
  };
  for (const stage of STAGES)
    it(`${stage} sets what its environment needs`, () => {
      assert.deepEqual(table[stage]!(parseConfig(stage, stageConfig(stage))), expected[stage]);
    });

  it("default the namespace to the stack's name, so that two stages never share one", () => {
    assert.equal(parseConfig("qa", stageConfig("dev")).namespace, "todo-app-qa");
    assert.equal(parseConfig("qa", withKey("dev", "namespace", "team-a")).namespace, "team-a");
  });

  it("take the ports of database and language model from their URLs", () => {
    const config = parseConfig("staging", stageConfig("staging"));
    assert.deepEqual(config.databasePeer, { kind: "outside", port: 6432 });
    assert.deepEqual(config.llm.callees, [{ kind: "outside", port: 443 }]);
    const plain = withKey("staging", "databaseUrl", "postgres://a:b@db/todo?sslmode=require");
    assert.equal(parseConfig("staging", plain).databasePeer.port, 5432);
  });

  it("tell the app about a collector of traces, and allow connections to it, only if one is set", () => {
    const none = parseConfig("dev", stageConfig("dev"));
    assert.equal(none.settings.OTEL_EXPORTER_OTLP_ENDPOINT, undefined);
    assert.deepEqual(none.tracing.callees, []);
    const endpoint = "http://collector.monitoring:4318";
    const { settings, tracing } = parseConfig("dev", withKey("dev", "tracing", { endpoint }));
    assert.equal(settings.OTEL_EXPORTER_OTLP_ENDPOINT, endpoint);
    assert.deepEqual(tracing.callees, [{ kind: "outside", port: 4318 }]);
  });

  it("wrap every secret as a secret output", async () => {
    const { secrets, images } = parseConfig("staging", {
      ...withKey("staging", "registryPassword", "pass"),
      "todo-app:registryUsername": "ci",
    });
    const { databaseUrl, openaiApiKey } = secrets;
    for (const output of [databaseUrl, openaiApiKey, images.backend.credentials?.password])
      assert.equal(await pulumi.isSecret(output as pulumi.Output<string>), true);
  });
});

describe("Pulumi.yaml and the schema", () => {
  it("declare the same keys, with a description each", () => {
    assert.deepEqual(Object.keys(declared).sort(), Object.keys(stageSchema.shape).sort());
    for (const [key, { description }] of Object.entries(declared)) assert.ok(description, key);
  });

  it("declare no secret as such: today's engine would refuse its empty default", () => {
    for (const [key, declaration] of Object.entries(declared))
      assert.ok(!("secret" in declaration), key);
  });

  it("agree on the defaults", () => {
    for (const [key, { default: value }] of Object.entries(declared)) {
      const schema = stageSchema.shape[key as keyof typeof stageSchema.shape];
      const inSchema = schema.safeParse(undefined);
      if (inSchema.success) assert.deepEqual(schema.parse(value), inSchema.data, key);
    }
  });
});
