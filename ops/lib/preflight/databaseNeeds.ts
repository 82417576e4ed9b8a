/** What the database needs of the cluster: a storage class, or CloudNativePG with its operator, and its plugin for backups. */
import { itemsOf } from "./clusterApi.ts";
import { classFindings, named, namesIn, type Named } from "./classes.ts";
import { kubectl, unlessFound, type Check } from "./findings.ts";
import { addon, apply, helm } from "./installs.ts";

const DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class";

export const storageClass: Check = async ({ database }, cluster) => {
  if (database.mode === "external") return [];
  const name = database.storageClassName;
  const list = "/apis/storage.k8s.io/v1/storageclasses";
  const install = addon(cluster, "storage-provisioner", apply(cluster, "localPath"));
  if (name)
    return classFindings(cluster, list, name, {
      missing: `StorageClass "${name}", which todo-app:database.storageClassName names`,
      fix: "name another one, or remove the key to use the cluster's default",
    });
  const reading = await cluster.read(list);
  const missing = "a default StorageClass, which the database's volume needs";
  if (reading.state !== "found") return unlessFound(reading, missing, install);
  const isDefault = ({ metadata }: Named) => metadata.annotations?.[DEFAULT_CLASS] === "true";
  if (named(reading).some(isDefault)) return [];
  const [first] = namesIn(reading);
  const choose = `annotate storageclass ${first} ${DEFAULT_CLASS}=true`;
  return [{ missing, fix: first ? kubectl(cluster, choose) : install }];
};

const CLOUD_NATIVE_PG = "/apis/postgresql.cnpg.io/v1";

export const cloudNativePg: Check = async ({ database }, cluster) => {
  if (database.mode !== "cloudnative-pg") return [];
  const reading = await cluster.read(CLOUD_NATIVE_PG);
  const missing = "CloudNativePG, which todo-app:database.mode cloudnative-pg needs";
  return unlessFound(reading, missing, apply(cluster, "cloudNativePg"));
};

interface OperatorDeployment {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { image: string }[] } };
  };
}

/**
 * Whether a release of the operator recovers what was written after a change of the primary. Others lose it, without an error:
 * https://github.com/cloudnative-pg/cloudnative-pg/issues/10817. One that has no such number counts as one that does.
 */
function recoversAll(image: string): boolean {
  const [, major, minor, patch] = /:v?(\d+)\.(\d+)\.(\d+)/.exec(image)?.map(Number) ?? [];
  if (major !== 1) return true;
  return minor! > 29 || (minor === 29 && patch! >= 2);
}

/** The operator itself, as far as the credentials may read it. Its manifest and its chart label it alike. */
export const cloudNativePgOperator: Check = async ({ database, backup }, cluster) => {
  if (database.mode !== "cloudnative-pg") return [];
  const { operatorNamespace: namespace } = database;
  const reading = await cluster.read(
    `/apis/apps/v1/namespaces/${namespace}/deployments?labelSelector=app.kubernetes.io/name=cloudnative-pg`,
  );
  const api = await cluster.read(CLOUD_NATIVE_PG);
  if (reading.state !== "found" || api.state !== "found") return [];
  const [operator] = itemsOf(reading) as readonly OperatorDeployment[];
  if (!operator)
    return [
      {
        warning:
          `no Deployment with the name label of CloudNativePG's operator is in namespace ${namespace}, which ` +
          "todo-app:database.operatorNamespace names: the database lets an operator in from that namespace only",
      },
    ];
  const { image } = operator.spec.template.spec.containers[0]!;
  if (!(backup.enabled || database.recovery) || recoversAll(image)) return [];
  return [
    {
      warning:
        `the operator of CloudNativePG is ${image}, with which a recovery loses what was written after a change of the primary; ` +
        `1.29.2 or newer keeps it: ${apply(cluster, "cloudNativePg")}`,
    },
  ];
};

/**
 * The plugin that backs up a CloudNativePG cluster. The chart is the release that is made for the operator that is pinned; it
 * has cert-manager issue the certificates with which both know each other.
 */
export const barmanCloud: Check = async ({ database, backup }, cluster) => {
  if (database.mode !== "cloudnative-pg" || !backup.enabled) return [];
  const plugin = await cluster.read("/apis/barmancloud.cnpg.io/v1");
  if (plugin.state === "found") return [];
  const missing = `the Barman Cloud plugin of CloudNativePG, which todo-app:backup.enabled needs`;
  const install = helm(
    cluster,
    "plugin-barman-cloud plugin-barman-cloud --repo https://cloudnative-pg.github.io/charts --version 0.7.0",
    database.operatorNamespace,
    [],
  );
  const certificates = await cluster.read("/apis/cert-manager.io/v1");
  const needed = "cert-manager, which the Barman Cloud plugin of CloudNativePG needs";
  return [
    ...unlessFound(certificates, needed, addon(cluster, undefined, apply(cluster, "certManager"))),
    ...unlessFound(plugin, missing, install),
  ];
};
