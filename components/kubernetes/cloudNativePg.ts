/** Spec of a CloudNativePG Cluster (postgresql.cnpg.io/v1, https://cloudnative-pg.io). */
import type * as pulumi from "@pulumi/pulumi";
import { ARCHIVE_PLUGIN } from "./barmanCloud.ts";
import { objectLabels } from "./labels.ts";
import type { ContainerResources } from "./resources.ts";

/** API version of the operator's objects. */
export const CLUSTER_API = "postgresql.cnpg.io/v1";
/** Name of the cluster unless another one is wanted. */
export const DEFAULT_CLUSTER = "postgres";
/** Name of what the cluster is recovered from, inside its spec. */
const SOURCE = "source";

/**
 * A database role and its Secret of type kubernetes.io/basic-auth. If the Secret changes, the operator sets its
 * password.
 */
interface Role {
  readonly name: string;
  readonly secretName: pulumi.Input<string>;
}

/** A cluster to make a new one from, as the bucket has it. */
export interface Recovery {
  /** Its name, which is that of its folder. */
  readonly clusterName: string;
  /** The moment to go back to (RFC 3339); empty: the end of what was archived. */
  readonly time: string;
}

export interface ClusterSpecArgs {
  readonly workload: string;
  /** Owner of the database; the database has the same name. */
  readonly owner: Role;
  /**
   * The app's role. It has no rights of its own; the migration, which runs as the owner, grants it what the app needs.
   */
  readonly appRole: Role;
  /** Number of servers: one primary, the others its standbys. */
  readonly instances: number;
  readonly image: string;
  readonly storage: string;
  readonly storageClassName?: string;
  readonly resources: ContainerResources;
  /** Connections that each server accepts at the same time. */
  readonly maxConnections: number;
  /** Name of the ObjectStore with the bucket for backups and the write-ahead log. @default none are made */
  readonly objectStore?: pulumi.Input<string>;
  /** What a new cluster is made from; needs `objectStore`. @default it begins empty */
  readonly recovery?: Recovery;
  /** Secret with the login of the image's registry. */
  readonly pullSecret?: pulumi.Input<string>;
  readonly priorityClassName?: string;
}

/**
 * The operator copies its own program into each pod. The copy counts as ephemeral storage, for which the LimitRange's
 * default would be too small.
 */
const EPHEMERAL_STORAGE = { "ephemeral-storage": "1Gi" };

/**
 * What makes a new cluster from what the bucket has of another one, as part of its spec.
 *
 * @param parameters which bucket and which cluster, as the plugin calls them
 * @param recoveryTarget where to stop @default the end of what was archived
 */
export const recoveryFrom = <Database extends object, Target extends object>(
  database: Database,
  parameters: object,
  recoveryTarget?: Target,
) => ({
  bootstrap: {
    recovery: { source: SOURCE, ...database, ...(recoveryTarget && { recoveryTarget }) },
  },
  externalClusters: [{ name: SOURCE, plugin: { name: ARCHIVE_PLUGIN, parameters } }],
});

/** How a cluster that does not exist yet gets its data. For one that exists, the operator does not read it. */
function bootstrap({ owner, objectStore, recovery }: ClusterSpecArgs) {
  const database = { database: owner.name, owner: owner.name, secret: { name: owner.secretName } };
  if (!objectStore || !recovery) return { bootstrap: { initdb: database } };
  const { clusterName: serverName, time } = recovery;
  const parameters = { barmanObjectName: objectStore, serverName };
  return recoveryFrom(database, parameters, time ? { targetTime: time } : undefined);
}

/** What sends the write-ahead log to the bucket, and makes backups there. */
const plugins = (barmanObjectName: pulumi.Input<string>) => [
  { name: ARCHIVE_PLUGIN, isWALArchiver: true, parameters: { barmanObjectName } },
];

/** `spec` of a cluster whose pods have the labels of `workload`, so that the workload's NetworkPolicy selects them. */
export function clusterSpec(args: ClusterSpecArgs) {
  const { appRole, objectStore } = args;
  return {
    instances: args.instances,
    imageName: args.image,
    ...(args.pullSecret && { imagePullSecrets: [{ name: args.pullSecret }] }),
    inheritedMetadata: { labels: objectLabels(args.workload) },
    ...bootstrap(args),
    ...(objectStore && { plugins: plugins(objectStore) }),
    // The operator does not touch a role that is no longer listed: the role of the previous password can still log in,
    // until a later rotation lists it again with a new password.
    managed: {
      roles: [
        {
          name: appRole.name,
          ensure: "present",
          login: true,
          passwordSecret: { name: appRole.secretName },
        },
      ],
    },
    postgresql: { parameters: { max_connections: String(args.maxConnections) } },
    storage: {
      size: args.storage,
      ...(args.storageClassName && { storageClass: args.storageClassName }),
    },
    resources: {
      requests: { ...args.resources.requests, ...EPHEMERAL_STORAGE },
      limits: { ...args.resources.limits, ...EPHEMERAL_STORAGE },
    },
    // With one server, the operator's PodDisruptionBudget would block every drain of its node.
    enablePDB: args.instances > 1,
    // Standbys can take over within seconds only if they run on other nodes than the primary.
    affinity: { enablePodAntiAffinity: true, podAntiAffinityType: "preferred" },
    enableSuperuserAccess: false,
    ...(args.priorityClassName && { priorityClassName: args.priorityClassName }),
  };
}
