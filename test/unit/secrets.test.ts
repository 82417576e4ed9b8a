import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { AppSecrets, type AppSecretsArgs } from "../../components/appSecrets.ts";
import { find, record } from "./support/record.ts";

describe("AppSecrets", () => {
  const versions = { auth: 1, databasePassword: 1, databaseOwnerPassword: 1 };
  const databaseMode = "in-cluster";
  /** AppSecrets with the Secrets of the app's workloads. */
  const appSecrets = (args: AppSecretsArgs) => {
    const secrets = new AppSecrets("secrets", args);
    secrets.filesFor("backend", secrets.database, secrets.auth, secrets.llm);
    secrets.filesFor("frontend", secrets.database, secrets.auth, secrets.nextAuth);
    const migration = secrets.filesFor("migration", secrets.migration);
    return { postgres: secrets.postgres, migration };
  };

  it("generates a database password only for the in-cluster database", async () => {
    const inCluster = await record(() => appSecrets({ namespace: "ns", versions, databaseMode }));
    assert.equal(find(inCluster.resources, "RandomPassword").length, 4);
    const { stringData } = find(inCluster.resources, "Secret").find(({ name }) =>
      name.endsWith("backend"),
    )!.inputs;
    assert.equal(
      stringData.secret.DATABASE_URL,
      "postgresql://todo_app_a:generated-secrets-database-app-v1@postgres:5432/todo",
    );
    const databaseUrl = pulumi.secret("postgresql://a:b@db/todo");
    const external = await record(() =>
      appSecrets({
        namespace: "ns",
        versions,
        databaseMode: "external",
        databaseUrl,
      }),
    );
    assert.deepEqual(
      find(external.resources, "RandomPassword").map(({ name }) => name),
      ["secrets-auth-v1", "secrets-auth-v2"],
    );
    assert.equal(
      find(external.resources, "Secret").some(({ name }) => name.endsWith("postgres")),
      false,
    );
  });

  it("gives CloudNativePG the logins of the owner and of the app's role, and the app the primary's address", async () => {
    const { exports, resources } = await record(
      () =>
        appSecrets({ namespace: "ns", versions, databaseMode: "cloudnative-pg" }).postgres.appRole
          ?.name,
    );
    const secret = (reader: string) =>
      find(resources, "Secret").find(({ name }) => name.endsWith(reader))!.inputs;
    for (const [reader, username, password] of [
      ["postgres", "todo", "generated-secrets-database-password"],
      ["postgres-app", "todo_app_a", "generated-secrets-database-app-v1"],
    ] as const) {
      assert.equal(secret(reader).type, "kubernetes.io/basic-auth");
      assert.deepEqual(secret(reader).stringData.secret, { username, password });
    }
    assert.equal(exports, "todo_app_a");
    assert.match(
      secret("backend").stringData.secret.DATABASE_URL,
      /@postgres-rw:5432\/todo\?sslmode=require$/,
    );
  });

  it("passes on the certificate authority of an external server", async () => {
    const databaseUrl = pulumi.secret("postgresql://a:b@db/todo?sslmode=verify-full");
    const databaseCa = "-----BEGIN CERTIFICATE-----";
    const { exports, resources } = await record(() => {
      const args = { namespace: "ns", versions, databaseUrl, databaseCa };
      return appSecrets({ ...args, databaseMode: "external" }).migration.keys;
    });
    assert.deepEqual(exports, ["DATABASE_URL", "DATABASE_CA"]);
    assert.equal(find(resources, "Secret").length, 3);
  });

  it("gives every workload the keys that it needs and no others", async () => {
    const openaiApiKey = pulumi.secret("key");
    const { resources } = await record(() =>
      appSecrets({ namespace: "ns", versions, databaseMode, openaiApiKey }),
    );
    const keys = find(resources, "Secret").map(({ name, inputs }) => [
      name,
      Object.keys(inputs.stringData.secret).sort(),
    ]);
    assert.deepEqual(Object.fromEntries(keys), {
      "secrets-backend": ["BETTER_AUTH_SECRET", "DATABASE_URL", "OPENAI_API_KEY"],
      "secrets-frontend": ["BETTER_AUTH_SECRET", "BETTER_AUTH_SECRET_NEXT", "DATABASE_URL"],
      "secrets-migration": ["APP_DATABASE_URL", "DATABASE_URL"],
      "secrets-postgres": ["POSTGRES_PASSWORD"],
    });
  });

  describe("for a database inside the cluster", () => {
    const rotatedTo = async (changed: Partial<typeof versions>) => {
      const { resources } = await record(() =>
        appSecrets({
          namespace: "ns",
          versions: { ...versions, ...changed },
          databaseMode,
        }),
      );
      const secret = (reader: string) =>
        find(resources, "Secret").find(({ name }) => name === `secrets-${reader}`)!.inputs
          .stringData.secret;
      return { resources, secret };
    };
    const generated = ({ resources }: Awaited<ReturnType<typeof rotatedTo>>) =>
      find(resources, "RandomPassword").map(({ name }) => name);

    it("alternate between two roles for the app, so that both passwords are valid in a rollout", async () => {
      const logins = [];
      for (const databasePassword of [1, 2, 3]) {
        const { DATABASE_URL } = (await rotatedTo({ databasePassword })).secret("backend");
        logins.push(/:\/\/(\w+):(\S+)@/.exec(DATABASE_URL)!.slice(1, 3));
      }
      assert.deepEqual(logins, [
        ["todo_app_a", "generated-secrets-database-app-v1"],
        ["todo_app_b", "generated-secrets-database-app-v2"],
        ["todo_app_a", "generated-secrets-database-app-v3"],
      ]);
    });

    it("keep the app's previous password, so that a rotation can be undone", async () => {
      assert.deepEqual(generated(await rotatedTo({ databasePassword: 3 })), [
        "secrets-auth-v1",
        "secrets-auth-v2",
        "secrets-database-password",
        "secrets-database-app-v3",
        "secrets-database-app-v2",
      ]);
    });

    it("do not change the database server when the app's password is rotated", async () => {
      const before = (await rotatedTo({})).secret("postgres");
      assert.deepEqual((await rotatedTo({ databasePassword: 2 })).secret("postgres"), before);
    });

    it("give the owner's password to the migration only", async () => {
      const { secret } = await rotatedTo({ databaseOwnerPassword: 2 });
      const owner = "generated-secrets-database-owner-v2";
      assert.equal(
        secret("migration").DATABASE_URL,
        `postgresql://todo:${owner}@postgres:5432/todo`,
      );
      assert.equal(secret("migration").APP_DATABASE_URL, secret("backend").DATABASE_URL);
      assert.deepEqual(secret("postgres"), { POSTGRES_PASSWORD: owner });
      for (const reader of ["backend", "frontend"])
        assert.ok(!JSON.stringify(secret(reader)).includes(owner), reader);
    });

    it("keep the password of an older release as the owner's, whatever its version was", async () => {
      const { resources } = await rotatedTo({});
      const owner = find(resources, "RandomPassword").find(
        ({ name }) => name === "secrets-database-password",
      )!;
      assert.deepEqual(owner.ignoreChanges, ["keepers"]);
    });
  });

  it("rotates the auth secret: the previous one stays valid, and the frontend knows the next one in advance", async () => {
    const rotated = { ...versions, auth: 3 };
    const { resources } = await record(() =>
      appSecrets({ namespace: "ns", versions: rotated, databaseMode }),
    );
    for (const reader of ["backend", "frontend"]) {
      const { secret } = find(resources, "Secret").find(({ name }) => name.endsWith(reader))!.inputs
        .stringData;
      assert.equal(secret.BETTER_AUTH_SECRET, "generated-secrets-auth-v3");
      assert.equal(secret.BETTER_AUTH_SECRET_PREVIOUS, "generated-secrets-auth-v2");
      const next = reader === "frontend" ? "generated-secrets-auth-v4" : undefined;
      assert.equal(secret.BETTER_AUTH_SECRET_NEXT, next);
    }
  });

  it("auto-names every Secret, so that a change creates a new one and rolls the pods", async () => {
    const { resources } = await record(() =>
      appSecrets({ namespace: "ns", versions, databaseMode }),
    );
    for (const { inputs } of find(resources, "Secret"))
      assert.equal("name" in inputs.metadata, false);
  });
});
