import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import fc from "fast-check";
import { parseConfig } from "../../config/load.ts";
import { SECRET_KEYS } from "../../config/schema.ts";
import { GIVEN_SECRETS, stageConfig, withKey } from "./support/stages.ts";

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.ok(pulumi.RunError.isInstance(error), "a RunError: shown without a stack trace");
    return error.message;
  }
  assert.fail("the configuration was accepted");
}

describe("bad configuration", () => {
  const cases: readonly { key: string; value: unknown; stage?: string; says: string[] }[] = [
    {
      key: "backend",
      value: { replicas: 0 },
      says: [
        "todo-app:backend.replicas is 0; allowed: a whole number from 1 to 50",
        "fix: pulumi config set --stack dev --path 'todo-app:backend.replicas' <value>",
      ],
    },
    {
      key: "backend",
      value: { replicas: "many" },
      says: ['todo-app:backend.replicas is "many"; allowed: a whole number'],
    },
    { key: "backend", value: "two", says: ['todo-app:backend is "two"; allowed: an object'] },
    {
      key: "protectResources",
      value: "yes",
      says: ['todo-app:protectResources is "yes"; allowed: true or false'],
    },
    {
      key: "placement",
      value: "near",
      says: ['todo-app:placement is "near"; allowed: one of any, preferred, required'],
    },
    {
      key: "host",
      value: "",
      says: ["todo-app:host is missing; allowed: a host name such as todo.example.com"],
    },
    {
      key: "host",
      value: "http://a.b",
      says: ['todo-app:host is "http://a.b"; allowed: a host name'],
    },
    {
      key: "namespace",
      value: "My_App",
      says: ['todo-app:namespace is "My_App"; allowed: a DNS label'],
    },
    {
      key: "kubernetesContext",
      value: "",
      says: ["todo-app:kubernetesContext is missing; allowed: the name of a context"],
    },
    {
      key: "hosts",
      value: "a.b",
      says: [
        "todo-app:hosts is unknown; allowed: one of kubernetesContext",
        "pulumi config rm --stack dev 'todo-app:hosts'",
      ],
    },
    {
      key: "backend",
      value: { replica: 3 },
      says: [
        "todo-app:backend.replica is unknown; allowed: one of replicas, autoscaling, resources",
        "pulumi config rm --stack dev --path 'todo-app:backend.replica'",
      ],
    },
    {
      key: "backend",
      value: { autoscaling: { minReplicas: 5, maxReplicas: 2 } },
      says: ["todo-app:backend.autoscaling.minReplicas is 5; allowed: at most maxReplicas (2)"],
    },
    {
      key: "backend",
      value: { replicas: 9, autoscaling: { minReplicas: 2, maxReplicas: 4 } },
      says: [
        "todo-app:backend.replicas is 9; allowed: from autoscaling's minReplicas (2) to maxReplicas (4)",
      ],
    },
    {
      key: "backend",
      value: { resources: { requests: { cpu: "1", memory: "1Gi" }, limits: { memory: "512Mi" } } },
      says: [
        'todo-app:backend.resources.requests.memory is "1Gi"; allowed: at most limits.memory (512Mi)',
      ],
    },
    {
      key: "backend",
      value: {
        resources: { requests: { cpu: "1 core", memory: "1Gi" }, limits: { memory: "2Gi" } },
      },
      says: ['requests.cpu is "1 core"; allowed: CPU such as "250m", "1" or 0.5'],
    },
    {
      key: "images",
      value: { registry: "localhost:5000", backend: "backend:v1" },
      says: ['todo-app:images.backend is "backend:v1"; allowed: an image reference by digest'],
    },
    {
      key: "databaseUrl",
      value: "",
      stage: "production",
      says: [
        "todo-app:databaseUrl is missing; allowed: postgresql://user:password@host:port/database?sslmode=verify-full, user and password percent-encoded: @ is %40, : is %3A, / is %2F, ? is %3F, # is %23, % is %25; because database.mode is external",
        "fix: pulumi config set --stack production --secret 'todo-app:databaseUrl'",
      ],
    },
    {
      key: "databaseUrl",
      value: "mysql://confidential",
      stage: "staging",
      says: ["todo-app:databaseUrl is [secret]; allowed: postgresql://"],
    },
    {
      key: "openaiApiKey",
      value: "",
      stage: "staging",
      says: [
        "todo-app:openaiApiKey is missing; allowed: an API key, because llm.provider is openai",
      ],
    },
    {
      key: "tls",
      value: { issuer: "letsencrypt-staging" },
      says: [
        "todo-app:tls.email is missing; allowed: an e-mail address, because tls.issuer is letsencrypt-staging",
      ],
    },
    {
      key: "databaseUrl",
      value: "postgresql://confidential:confidential@db.example.com/todo",
      stage: "staging",
      says: [
        "todo-app:databaseUrl is [secret]; allowed: a URL with sslmode=require, verify-ca, verify-full",
      ],
    },
    {
      key: "tls",
      value: { issuer: "letsencrypt-production", email: "ops@todo-app.com" },
      says: [
        "todo-app:tls.issuer is \"letsencrypt-production\"; allowed: none, acme, ca or secret, because Let's Encrypt can't reach todo-app.local",
      ],
    },
    {
      key: "tls",
      value: {
        issuer: "acme",
        email: "ops@todo-app.com",
        server: "https://acme-v02.api.letsencrypt.org/directory",
      },
      says: [
        'todo-app:tls.server is "https://acme-v02.api.letsencrypt.org/directory"; allowed: no value, because for Let\'s Encrypt, set tls.issuer to letsencrypt-staging or letsencrypt-production',
        "pulumi config rm --stack dev --path 'todo-app:tls.server'",
      ],
    },
    {
      key: "tls",
      value: { issuer: "acme", email: "ops@todo-app.com" },
      says: ["todo-app:tls.server is missing; allowed: the ACME server's directory URL"],
    },
    {
      key: "tls",
      value: { issuer: "ca" },
      says: ["todo-app:tls.caSecretName is missing; allowed: the name of the authority's Secret"],
    },
    {
      key: "tls",
      value: { issuer: "secret" },
      says: ["todo-app:tls.secretName is missing; allowed: the name of a Secret"],
    },
    {
      key: "tls",
      value: { issuer: "none", secretName: "mine" },
      says: [
        'todo-app:tls.secretName is "mine"; allowed: no value, because only tls.issuer secret reads it',
      ],
    },
    { key: "host", value: "10.0.0.1", says: ['todo-app:host is "10.0.0.1"; allowed: a host name'] },
    {
      key: "backend",
      value: { resources: { requests: { cpu: "0m", memory: "0Mi" }, limits: { memory: "1Gi" } } },
      says: ['requests.cpu is "0m"; allowed: CPU', 'requests.memory is "0Mi"; allowed: memory'],
    },
    {
      key: "monitoring",
      value: { enabled: true },
      says: [
        "todo-app:monitoring.namespace is missing; allowed: the namespace that Prometheus runs in, because monitoring.enabled is true",
      ],
    },
    {
      key: "monitoring",
      value: { labels: ["release prometheus"] },
      says: [
        'todo-app:monitoring.labels[0] is "release prometheus"; allowed: labels such as "release=prometheus"',
      ],
    },
    {
      key: "images",
      value: { registry: "ghcr.io", platform: "linux/amd64,linux/arm64" },
      says: [
        'todo-app:images.platform is "linux/amd64,linux/arm64"; allowed: one of linux/amd64, linux/arm64; for nodes of both, docs/registry.md, "Several platforms", says how',
      ],
    },
    {
      key: "images",
      value: { registry: "ghcr.io", platform: ["linux/amd64", "linux/arm64"] },
      says: [
        'todo-app:images.platform is ["linux/amd64","linux/arm64"]; allowed: one of linux/amd64, linux/arm64; for nodes of both',
      ],
    },
    {
      key: "images",
      value: { registry: "ghcr.io", push: false, immutableTags: true },
      says: [
        "todo-app:images.immutableTags is true; allowed: no value, because images.push is false: no tag is pushed",
        "fix: pulumi config rm --stack dev --path 'todo-app:images.immutableTags'",
      ],
    },
    { key: "registryUsername", value: "ci", says: ["todo-app:registryPassword is missing"] },
    {
      key: "rolloutTimeoutSeconds",
      value: 5,
      says: ["todo-app:rolloutTimeoutSeconds is 5; allowed: a whole number from 150 to 3600"],
    },
  ];
  for (const { key, value, stage = "dev", says } of cases)
    it(`${stage}: ${key} = ${JSON.stringify(value)}`, () => {
      const message = messageOf(() => parseConfig(stage, withKey(stage, key, value)));
      for (const part of says)
        assert.ok(message.includes(part), `expected "${part}" in:\n${message}`);
      assert.ok(!message.includes("confidential"), "a secret is shown");
    });

  it("includes a stack's name from which no valid namespace can be derived", () => {
    assert.match(
      messageOf(() => parseConfig("My_Stage", stageConfig("dev"))),
      /todo-app:namespace is missing; allowed: a DNS label; the default, todo-app-My_Stage, is not one/,
    );
  });

  it("is reported all at once", () => {
    const message = messageOf(() =>
      parseConfig("dev", {
        ...withKey("dev", "placement", "near"),
        "todo-app:host": "",
        "todo-app:colour": "red",
      }),
    );
    assert.match(message, /has 3 problems:/);
    for (const key of ["placement", "host", "colour"])
      assert.ok(message.includes(`todo-app:${key}`));
  });

  it("includes a secret in clear, with the command that encrypts it", () => {
    const config = { ...stageConfig("staging"), "todo-app:host": "" };
    const isEncrypted = (key: string) => key !== "todo-app:databaseUrl";
    assert.equal(
      messageOf(() => parseConfig("staging", config, isEncrypted)).split("\n  todo-app:host")[0],
      "the configuration of stack staging has 2 problems:\n" +
        "  todo-app:databaseUrl is [secret]; allowed: an encrypted value; this one can be read in the stage file\n" +
        "    fix: pulumi config set --stack staging --secret 'todo-app:databaseUrl'",
    );
  });

  it("does not include a secret that is not set", () => {
    parseConfig("dev", stageConfig("dev"), () => false);
  });

  it("does not include keys of other projects", () => {
    parseConfig("dev", { ...stageConfig("dev"), "aws:region": "eu-west-1" });
  });
});

describe("any configuration", () => {
  const replicas = fc.integer({ min: -5, max: 60 });

  // Uses a stage with an external database. Inside the cluster, another rule would limit the number of pods as well:
  // that of the database's connections.
  it("is either accepted with its values or refused with the key that is wrong", () => {
    fc.assert(
      fc.property(replicas, replicas, replicas, (count, minReplicas, maxReplicas) => {
        const backend = { replicas: count, autoscaling: { minReplicas, maxReplicas } };
        const inRange = [count, minReplicas, maxReplicas].every((n) => n >= 1 && n <= 50);
        const parse = () => parseConfig("staging", withKey("staging", "backend", backend));
        if (inRange && minReplicas <= count && count <= maxReplicas) {
          assert.deepEqual(parse().backend.replicas, count);
          return;
        }
        assert.match(messageOf(parse), /todo-app:backend\.(replicas|autoscaling\.\w+) is -?\d+/);
      }),
    );
  });

  it("never shows a secret, however wrong it is", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SECRET_KEYS),
        fc.stringMatching(/^[a-z0-9]{12,30}$/),
        (key, noise) => {
          const raw = {
            ...stageConfig("dev"),
            ...GIVEN_SECRETS,
            [`todo-app:${key}`]: noise,
            "todo-app:database": '{"mode":"external"}',
            "todo-app:host": "",
          };
          assert.ok(!messageOf(() => parseConfig("dev", raw)).includes(noise));
        },
      ),
    );
  });
});
