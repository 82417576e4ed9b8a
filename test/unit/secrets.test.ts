import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { AppSecrets } from "../../components/appSecrets.ts";
import { find, record } from "./support/record.ts";

describe("AppSecrets", () => {
  const versions = { auth: 1, databasePassword: 1 };
  const databaseMode = "in-cluster";

  it("generates a database password only for the in-cluster database", async () => {
    const inCluster = await record(
      () => new AppSecrets("secrets", { namespace: "ns", versions, databaseMode }),
    );
    assert.equal(find(inCluster.resources, "RandomPassword").length, 2);
    const { stringData } = find(inCluster.resources, "Secret").find(({ name }) =>
      name.endsWith("backend"),
    )!.inputs;
    assert.equal(
      stringData.secret.DATABASE_URL,
      "postgresql://todo:generated-secrets-database-password@postgres:5432/todo",
    );
    const databaseUrl = pulumi.secret("postgresql://a:b@db/todo");
    const external = await record(
      () =>
        new AppSecrets("secrets", {
          namespace: "ns",
          versions,
          databaseMode: "external",
          databaseUrl,
        }),
    );
    assert.deepEqual(
      find(external.resources, "RandomPassword").map(({ name }) => name),
      ["secrets-auth-v1"],
    );
    assert.equal(
      find(external.resources, "Secret").some(({ name }) => name.endsWith("postgres")),
      false,
    );
  });

  it("gives CloudNativePG role and password, and its callers the primary's address", async () => {
    const { resources } = await record(
      () =>
        new AppSecrets("secrets", { namespace: "ns", versions, databaseMode: "cloudnative-pg" }),
    );
    const secret = (reader: string) =>
      find(resources, "Secret").find(({ name }) => name.endsWith(reader))!.inputs;
    assert.equal(secret("postgres").type, "kubernetes.io/basic-auth");
    assert.deepEqual(Object.keys(secret("postgres").stringData.secret).sort(), [
      "password",
      "username",
    ]);
    assert.match(
      secret("backend").stringData.secret.DATABASE_URL,
      /@postgres-rw:5432\/todo\?sslmode=require$/,
    );
  });

  it("passes on the authority of an external server", async () => {
    const databaseUrl = pulumi.secret("postgresql://a:b@db/todo?sslmode=verify-full");
    const databaseCa = "-----BEGIN CERTIFICATE-----";
    const { exports, resources } = await record(() => {
      const args = { namespace: "ns", versions, databaseUrl, databaseCa };
      return new AppSecrets("secrets", { ...args, databaseMode: "external" }).migration.keys;
    });
    assert.deepEqual(exports, ["DATABASE_URL", "DATABASE_CA"]);
    assert.equal(find(resources, "Secret").length, 3);
  });

  it("gives every reader its own keys and no others", async () => {
    const openaiApiKey = pulumi.secret("key");
    const { resources } = await record(
      () => new AppSecrets("secrets", { namespace: "ns", versions, databaseMode, openaiApiKey }),
    );
    const keys = find(resources, "Secret").map(({ name, inputs }) => [
      name,
      Object.keys(inputs.stringData.secret).sort(),
    ]);
    assert.deepEqual(Object.fromEntries(keys), {
      "secrets-backend": ["BETTER_AUTH_SECRET", "DATABASE_URL", "OPENAI_API_KEY"],
      "secrets-frontend": ["BETTER_AUTH_SECRET", "DATABASE_URL"],
      "secrets-migration": ["DATABASE_URL"],
      "secrets-postgres": ["POSTGRES_PASSWORD"],
    });
  });

  it("rotates the database password by its own version alone", async () => {
    const rotated = { auth: 1, databasePassword: 2 };
    const { resources } = await record(
      () => new AppSecrets("secrets", { namespace: "ns", versions: rotated, databaseMode }),
    );
    const generated = find(resources, "RandomPassword").map(({ name, inputs }) => [
      name,
      inputs.keepers?.version,
    ]);
    assert.deepEqual(generated, [
      ["secrets-auth-v1", undefined],
      ["secrets-database-password", "2"],
    ]);
  });

  it("rotates the auth secret and keeps the one before it for those who still hold its cookies", async () => {
    const rotated = { auth: 3, databasePassword: 1 };
    const { resources } = await record(
      () => new AppSecrets("secrets", { namespace: "ns", versions: rotated, databaseMode }),
    );
    for (const reader of ["backend", "frontend"]) {
      const { secret } = find(resources, "Secret").find(({ name }) => name.endsWith(reader))!.inputs
        .stringData;
      assert.equal(secret.BETTER_AUTH_SECRET, "generated-secrets-auth-v3");
      assert.equal(secret.BETTER_AUTH_SECRET_PREVIOUS, "generated-secrets-auth-v2");
    }
  });

  it("names no Secret object itself, so that a change makes a new one and rolls the pods", async () => {
    const { resources } = await record(
      () => new AppSecrets("secrets", { namespace: "ns", versions, databaseMode }),
    );
    for (const { inputs } of find(resources, "Secret"))
      assert.equal("name" in inputs.metadata, false);
  });
});
