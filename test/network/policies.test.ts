/**
 * Every ordered pair of endpoints on every port, asked of an independent evaluator: the edges below connect, nothing
 * else does. `outside` is any address, IPv4 or IPv6, but link-local ones and the cloud's metadata services; pods that no
 * policy guards are among them.
 */
import assert from "node:assert/strict";
import { STAGES } from "../unit/support/stages.ts";
import { clusterOf, registrations } from "./cluster.ts";
import { assertEdges, halves } from "./edges.ts";
import { buildEvaluator, type Cluster } from "./evaluate.ts";
import { mutations } from "./mutations.ts";

/** Wherever a cluster has them answered; at GKE that is the metadata service's address. */
const DNS = `
frontend, backend, migration → any-kube-system-pod, node-local-dns, metadata-service : TCP 53, UDP 53
frontend, backend, migration → openshift-dns        : TCP 5353, UDP 5353`;

const DEV = `
nginx                        → frontend            : TCP 3000
nginx                        → backend             : TCP 8000
frontend                     → frontend            : TCP 3000
frontend                     → backend             : TCP 8000
frontend, backend, migration → postgres            : TCP 5432${DNS}`;

/** Certificates by ACME, and an external database: 6432 is the port of the one that the tests configure. */
const EXTERNAL_DATABASE = `
traefik                      → frontend            : TCP 3000
traefik                      → backend             : TCP 8000
traefik                      → acme-solver         : TCP 8089
frontend                     → frontend            : TCP 3000
frontend                     → backend             : TCP 8000
frontend, backend, migration → outside             : TCP 6432${DNS}`;

const LANGUAGE_MODEL = `
backend                      → outside             : TCP 443`;

const EDGES: Readonly<Record<(typeof STAGES)[number], string>> = {
  dev: DEV,
  staging: EXTERNAL_DATABASE + LANGUAGE_MODEL,
  production: EXTERNAL_DATABASE + LANGUAGE_MODEL,
};

describe("network policies", function () {
  this.timeout(120_000);
  /** Every stage by itself, and all of them side by side. */
  const alone = new Map<string, Cluster>();
  let together: Cluster;

  before(async function () {
    this.timeout(600_000);
    buildEvaluator();
    const staged = new Map<string, Awaited<ReturnType<typeof registrations>>>();
    for (const stage of STAGES) staged.set(stage, await registrations(stage));
    for (const [stage, resources] of staged)
      alone.set(stage, clusterOf(new Map([[stage, resources]])));
    together = clusterOf(staged);
  });

  const assertVariant = async (
    stage: string,
    table: string,
    changes: Readonly<Record<string, unknown>>,
  ) => {
    const resources = await registrations(stage, changes);
    assertEdges(stage, table, clusterOf(new Map([[stage, resources]])));
  };

  for (const stage of STAGES) {
    it(`${stage}: each edge connects and nothing else does, from other stages neither`, () =>
      assertEdges(stage, EDGES[stage], together));

    it(`${stage}: every mistake in a policy would be noticed`, () => {
      const cluster = alone.get(stage)!;
      const right = JSON.stringify(halves(stage, cluster));
      const broken = mutations(cluster.policies);
      const unnoticed = broken.filter(
        ({ policies }) => JSON.stringify(halves(stage, { ...cluster, policies })) === right,
      );
      assert.deepEqual(
        unnoticed.map(({ name }) => name),
        [],
      );
      assert.ok(broken.length > 30, `${broken.length} mistakes`);
    });
  }

  it("without an external language model the backend reaches nothing on its port", () =>
    assertVariant("staging", EXTERNAL_DATABASE, { llm: { provider: "builtin" } }));

  it("a language model of one's own is reached on its port, by the backend alone", () =>
    assertVariant("dev", `${EDGES.dev}\nbackend → outside : TCP 8080`, {
      llm: { provider: "openai", baseUrl: "http://llm.example.com:8080/v1" },
      openaiApiKey: "sk-canary",
    }));

  it("a trace collector is reached by those who trace", () =>
    assertVariant("dev", `${EDGES.dev}\nfrontend, backend → outside : TCP 4318`, {
      tracing: { endpoint: "http://otel-collector.monitoring:4318" },
    }));

  it("a load balancer of which the addresses are named gets in as the controller does", () =>
    assertVariant(
      "dev",
      `${EDGES.dev}
load-balancer → frontend : TCP 3000
load-balancer → backend : TCP 8000`,
      { route: { className: "nginx", sourceRanges: ["192.0.2.0/24"] } },
    ));

  it("backups and restores reach the database and nothing else, and a drill reaches nothing", () =>
    assertVariant(
      "dev",
      `${EDGES.dev}
backup, restore → postgres : TCP 5432
backup, restore → any-kube-system-pod, node-local-dns, metadata-service : TCP 53, UDP 53
backup, restore → openshift-dns : TCP 5353, UDP 5353`,
      { backup: { enabled: true } },
    ));

  it("a bucket is reached on the port of its endpoint, by a drill as well", () =>
    assertVariant(
      "dev",
      `${EDGES.dev}
backup, restore → postgres : TCP 5432
backup, restore, drill → outside : TCP 9000
backup, restore, drill → any-kube-system-pod, node-local-dns, metadata-service : TCP 53, UDP 53
backup, restore, drill → openshift-dns : TCP 5353, UDP 5353`,
      {
        backup: { enabled: true, s3: { endpoint: "http://s3.example.com:9000", bucket: "safe" } },
        backupS3AccessKeyId: "canary",
        backupS3SecretAccessKey: "canary",
      },
    ));

  it("metrics are read from the namespace that is named", () =>
    assertVariant("dev", `${EDGES.dev}\nprometheus → frontend, backend : TCP 9464`, {
      monitoring: { namespace: "monitoring" },
    }));

  it("an external database is reached on the port of its URL, and on no other", () =>
    assertVariant("production", EDGES.production.replace("6432", "5433"), {
      databaseUrl: "postgresql://todo:canary@db.example.com:5433/todo?sslmode=require",
    }));
});
