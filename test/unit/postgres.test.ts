import assert from "node:assert/strict";
import { workload } from "../../components/kubernetes/network.ts";
import { Postgres, databasePeer, type PostgresArgs } from "../../components/postgres.ts";
import { find, record, type Recorded } from "./support/record.ts";

const secrets = { name: "secret-1", keys: ["POSTGRES_PASSWORD"] };
const appRole = { name: "todo_app_a", secretName: "secret-2" };

const ARCHIVE = {
  schedule: "17 2 * * *",
  keepDays: 14,
  endpoint: "https://s3.example.com",
  bucket: "backups",
  prefix: "ns",
  region: "us-east-1",
  callees: [],
};

const postgres = (extra: Partial<PostgresArgs>) =>
  record(() => {
    const args: PostgresArgs = {
      mode: "external",
      namespace: "ns",
      image: "docker.io/library/postgres:17",
      storage: "1Gi",
      resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
      maxConnections: 100,
      instances: 3,
      operatorNamespace: "cnpg-system",
      callers: [workload("backend", 5432)],
      rolloutTimeoutSeconds: 60,
    };
    return new Postgres("postgres", { ...args, ...extra });
  });

const holdsData = (resources: readonly Recorded[]) =>
  resources
    .filter(({ protect, retainOnDelete }) => protect || retainOnDelete)
    .map(({ type, protect, retainOnDelete }) => [type.split(":").pop(), protect, retainOnDelete]);

const container = (resources: readonly Recorded[]) =>
  find(resources, "StatefulSet")[0]!.inputs.spec.template.spec.containers[0];

describe("Postgres", () => {
  it("creates nothing for an external server, and allows callers to connect to its port", async () => {
    const { resources } = await postgres({});
    assert.deepEqual(databasePeer("external", 6432), { kind: "outside", port: 6432 });
    assert.equal(resources.filter(({ custom }) => custom).length, 0);
  });

  it("protects the in-cluster server's volume in every stage, and keeps it when it leaves the stack", async () => {
    const { resources } = await postgres({ mode: "in-cluster", secrets });
    assert.deepEqual(holdsData(resources), [["PersistentVolumeClaim", true, true]]);
  });

  it("never changes the StorageClass of an existing volume, which would be replaced by an empty one", async () => {
    const { resources } = await postgres({
      mode: "in-cluster",
      secrets,
      storageClassName: "standard",
    });
    const [claim] = find(resources, "PersistentVolumeClaim");
    assert.equal(claim!.inputs.spec.storageClassName, "standard");
    assert.deepEqual(claim!.ignoreChanges, ["spec.storageClassName"]);
  });

  it("accepts as many connections as configured", async () => {
    const inCluster = await postgres({ mode: "in-cluster", secrets, maxConnections: 300 });
    const { args } = container(inCluster.resources);
    assert.deepEqual(args.slice(0, 2), ["-c", "max_connections=300"]);
    const operated = await postgres({
      mode: "cloudnative-pg",
      secrets,
      appRole,
      maxConnections: 300,
    });
    const { postgresql } = find(operated.resources, "Cluster")[0]!.inputs.spec;
    assert.deepEqual(postgresql.parameters, { max_connections: "300" });
  });

  for (const [storage, size] of [
    ["500Mi", "96MB"],
    ["1Gi", "128MB"],
    ["100Gi", "1024MB"],
  ] as const)
    it(`keeps the write-ahead log of a volume of ${storage} to ${size}, which would fill a small one`, async () => {
      const { resources } = await postgres({ mode: "in-cluster", secrets, storage });
      assert.deepEqual(container(resources).args.slice(2), ["-c", `max_wal_size=${size}`]);
    });

  it("leaves the servers to CloudNativePG, which takes the roles' passwords from the Secrets", async () => {
    const { resources } = await postgres({ mode: "cloudnative-pg", secrets, appRole });
    const [cluster] = find(resources, "Cluster");
    const { metadata, spec } = cluster!.inputs;
    assert.deepEqual(holdsData(resources), [["Cluster", true, true]]);
    assert.equal(metadata.annotations["pulumi.com/waitFor"], "condition=Ready");
    assert.equal(spec.instances, 3);
    assert.equal(spec.bootstrap.initdb.secret.name, "secret-1");
    assert.deepEqual(spec.managed.roles, [
      {
        name: "todo_app_a",
        ensure: "present",
        login: true,
        passwordSecret: { name: "secret-2" },
      },
    ]);
    const policy = find(resources, "NetworkPolicy")[0]!.inputs.spec;
    for (const [key, value] of Object.entries(policy.podSelector.matchLabels))
      assert.equal(spec.inheritedMetadata.labels[key], value, "the policy finds the pods");
    assert.deepEqual(
      policy.ingress.map(({ ports }: any) => ports[0].port),
      [5432, 5432, 8000, 5432, 8000],
      "backend, replication, its health, operator, operator's questions",
    );
    const watched = await postgres({
      mode: "cloudnative-pg",
      secrets,
      appRole,
      metricsReader: "monitoring",
    });
    const { ingress } = find(watched.resources, "NetworkPolicy")[0]!.inputs.spec;
    assert.deepEqual(ingress.at(-1), {
      from: [
        { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } },
      ],
      ports: [{ protocol: "TCP", port: 9187 }],
    });
  });

  for (const [mode, given, missing] of [
    ["in-cluster", {}, "secrets"],
    ["cloudnative-pg", {}, "secrets"],
    ["cloudnative-pg", { secrets }, "appRole"],
    ["cloudnative-pg", { secrets, appRole, archive: ARCHIVE }, "archiveSecret"],
  ] as const)
    it(`${mode} without the argument ${missing} says so`, async () => {
      await assert.rejects(postgres({ mode, ...given }), {
        message: `the argument ${missing} is missing; allowed: a Secret, because mode is ${mode}`,
      });
    });
});
