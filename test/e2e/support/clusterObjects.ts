/**
 * Writes what the CloudNativePG operator and its plugin are given as Kubernetes manifests, in the namespace of dev: the objects of
 * a stage that is backed up, of one that is recovered, and those that `make backup` and `make drill` create.
 *
 * Usage: node test/e2e/support/clusterObjects.ts
 */
import { stringify } from "yaml";
import { CLUSTER_API } from "../../../components/kubernetes/cloudNativePg.ts";
import { backupOf } from "../../../ops/lib/backups/clusterBackups.ts";
import { drillOf, type Cluster } from "../../../ops/lib/backups/clusterDrill.ts";
import { find, record } from "../../unit/support/record.ts";
import { withKeys } from "../../unit/support/stages.ts";

const ADDED = ["ObjectStore", "Cluster", "ScheduledBackup"];
const mode = { mode: "cloudnative-pg", image: "ghcr.io/cloudnative-pg/postgresql:17" };
const s3 = { endpoint: "https://s3.example.com", bucket: "backups" };
const keys = { backupS3AccessKeyId: "id", backupS3SecretAccessKey: "key" };
const recovery = { clusterName: "postgres", time: "2026-03-02T14:05:00Z" };

async function objectsOf(query: string, database: object): Promise<any[]> {
  const changes = { database: { ...mode, ...database }, backup: { enabled: true, s3 }, ...keys };
  const program = () => import(`../../../index.ts?${query}`);
  const { resources } = await record(program, "dev", withKeys("dev", changes));
  return ADDED.flatMap((kind) => find(resources, kind)).map(({ inputs }) => inputs);
}

const backedUp = await objectsOf("backed-up", {});
const recovered = await objectsOf("recovered", { clusterName: "postgres-2", recovery });
const cluster = backedUp.find(({ kind }) => kind === "Cluster") as Cluster;
const { metadata, spec } = drillOf(cluster, "20260302T021700");
const drill = {
  apiVersion: CLUSTER_API,
  kind: "Cluster",
  metadata: { name: `${metadata.generateName}x`, labels: metadata.labels },
  spec,
};
const backup = backupOf("postgres", "postgres-1");
const namespaced = [...backedUp, ...recovered.slice(1), drill, backup];
process.stdout.write(namespaced.map((object) => stringify(object)).join("---\n"));
