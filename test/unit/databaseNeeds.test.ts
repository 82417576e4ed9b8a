import assert from "node:assert/strict";
import type { Cluster } from "../../ops/lib/preflight/clusterApi.ts";
import { cloudNativePgOperator } from "../../ops/lib/preflight/databaseNeeds.ts";
import type { Finding } from "../../ops/lib/preflight/findings.ts";
import { effectiveConfig } from "../../ops/lib/stage.ts";

const BACKUP = {
  "todo-app:backup": {
    enabled: true,
    s3: { endpoint: "https://s3.example.com", bucket: "backups" },
  },
  "todo-app:backupS3AccessKeyId": { secure: "v1:xyz" },
  "todo-app:backupS3SecretAccessKey": { secure: "v1:xyz" },
};

/** What is found of a stage with CloudNativePG, where its namespace has operators of these images; undefined: it may not be read. */
async function findings(images: readonly string[] | undefined, settings: object = BACKUP) {
  const asked: string[] = [];
  const deployment = (image: string) => ({
    spec: { template: { spec: { containers: [{ image }] } } },
  });
  const cluster: Cluster = {
    context: "staging",
    kind: "other",
    read: (path) => {
      asked.push(path);
      return Promise.resolve(
        images
          ? { state: "found", object: { items: images.map(deployment) } }
          : { state: "unknown", reason: "you may not" },
      );
    },
  };
  const config = effectiveConfig("qa", {
    "todo-app:kubernetesContext": "staging",
    "todo-app:host": "todo.example.com",
    "todo-app:images": { registry: "ghcr.io" },
    "todo-app:database": {
      mode: "cloudnative-pg",
      image: "ghcr.io/cloudnative-pg/postgresql:17",
      operatorNamespace: "operators",
    },
    ...settings,
  });
  assert.ok(config);
  return { found: await cloudNativePgOperator(config, cluster, "todo-app-qa"), asked };
}
const warnings = (found: readonly Finding[]) =>
  found.map((finding) => ("warning" in finding ? finding.warning : finding));
const image = (tag: string) => `ghcr.io/cloudnative-pg/cloudnative-pg:${tag}`;

describe("the operator of CloudNativePG", () => {
  for (const tag of ["1.29.1", "1.28.4", "1.9.0", "v1.29.0"])
    it(`in release ${tag} is named where its backups matter, as a recovery with it loses data`, async () => {
      const { found } = await findings([image(tag)]);
      assert.match(
        String(warnings(found)[0]),
        new RegExp(`${tag.replaceAll(".", "\\.")}, with which .* loses .* 1\\.29\\.2 or newer`),
      );
      assert.equal(found.length, 1);
      const { found: withoutBackups } = await findings([image(tag)], {});
      assert.deepEqual(withoutBackups, []);
    });

  for (const tag of ["1.29.2", "1.30.0", "1.31.0-rc1", "2.0.0", "main", "1.30.0@sha256:abc"])
    it(`in release ${tag} is fine`, async () => {
      assert.deepEqual((await findings([image(tag)])).found, []);
    });

  it("is looked for in the namespace that the stage names, from which alone the database admits it", async () => {
    const { found, asked } = await findings([], {});
    assert.match(String(asked), /\/namespaces\/operators\/deployments\?/);
    assert.match(
      String(warnings(found)[0]),
      /operator is in namespace operators, which todo-app:database\.operatorNamespace names/,
    );
  });

  it("is not missed where it may not be read", async () => {
    assert.deepEqual((await findings(undefined)).found, []);
  });
});
