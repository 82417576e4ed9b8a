import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { Backup, BACKUP_ROLE, type BackupArgs } from "./backup.ts";
import type { Archive } from "./kubernetes/barmanCloud.ts";
import { DEFAULT_CLUSTER, type Recovery } from "./kubernetes/cloudNativePg.ts";
import { HOLDS_DATA } from "./kubernetes/dataProtection.ts";
import { objectLabels, selectorLabels } from "./kubernetes/labels.ts";
import { DATABASE_WORKLOAD } from "./kubernetes/names.ts";
import { inNamespace, outside, policySpec, workload, type Peer } from "./kubernetes/network.ts";
import { DATA_PATH, POSTGRES_USER_ID, postgresContainer } from "./kubernetes/postgresContainer.ts";
import { restrictedPod, type SecretFiles } from "./kubernetes/podSecurity.ts";
import type { ContainerResources } from "./kubernetes/resources.ts";
import { createCluster } from "./postgresCluster.ts";

const WORKLOAD = DATABASE_WORKLOAD;
const PORT = 5432;
/** Name of the database and of the role that owns it. Only migrations log in as the owner. */
export const DATABASE_OWNER = "todo";
const OWNER = DATABASE_OWNER;
/**
 * Port of a server's status in CloudNativePG. The operator requests it, and a primary requests it of the other servers
 * to find out whether it is cut off from them.
 */
const STATUS_PORT = 8000;
/** Port of the metrics of a server in CloudNativePG. */
const METRICS_PORT = 9187;
/**
 * Ports on which the API server listens in the usual distributions. NetworkPolicies see this port, not port 443 of the
 * API's Service, which is translated to it.
 */
const API_SERVER_PORTS = [443, 6443, 8443, 16443];

/**
 * `in-cluster`: one server. `cloudnative-pg`: a primary and standbys that the CloudNativePG operator runs. `external`:
 * a server outside the stack, which somebody else runs.
 */
export type DatabaseMode = "in-cluster" | "cloudnative-pg" | "external";

/** A role of the database that may log in. */
export interface DatabaseLogin {
  readonly role: string;
  readonly password: pulumi.Output<string>;
}

/**
 * URL under which the workloads of the same namespace reach a database inside the cluster.
 *
 * @param clusterName name of the CloudNativePG cluster
 */
export function inClusterDatabaseUrl(
  mode: DatabaseMode,
  { role, password }: DatabaseLogin,
  clusterName: string = DEFAULT_CLUSTER,
): pulumi.Output<string> {
  // CloudNativePG creates the Service `<cluster>-rw` for the primary. Its servers use TLS, with certificates of an
  // authority that the operator creates.
  const [host, query] =
    mode === "cloudnative-pg" ? [`${clusterName}-rw`, "?sslmode=require"] : [WORKLOAD, ""];
  return pulumi.interpolate`postgresql://${role}:${password}@${host}:${PORT}/${OWNER}${query}`;
}

/** The database as a peer of network connections; `externalPort` is the TCP port of an external server. */
export function databasePeer(mode: DatabaseMode, externalPort = PORT): Peer {
  return mode === "external" ? outside(externalPort) : workload(WORKLOAD, PORT);
}

export interface PostgresArgs {
  /** `external` creates nothing. */
  readonly mode: DatabaseMode;
  readonly namespace: pulumi.Input<string>;
  /**
   * Secret of the database's owner, with the key `POSTGRES_PASSWORD`, or with `username` and `password` for
   * `cloudnative-pg`. Required unless `mode` is `external`.
   */
  readonly secrets?: SecretFiles;
  /**
   * The app's role, which CloudNativePG creates, and the Secret with its `username` and `password`. Required if `mode`
   * is `cloudnative-pg`.
   */
  readonly appRole?: { readonly name: string; readonly secretName: pulumi.Input<string> };
  /** When backups of the in-cluster database are made, and what is kept. @default none are made */
  readonly backup?: Pick<BackupArgs, "schedule" | "keep" | "storage" | "bucket">;
  /** Secrets for `backup`; `secrets` then also has `BACKUP_PASSWORD`. Required if `backup` is set. */
  readonly backupSecrets?: BackupArgs["secrets"];
  /** Name of the CloudNativePG cluster. @default "postgres" */
  readonly clusterName?: string;
  /** What a CloudNativePG cluster that does not exist yet is made from. @default it begins empty */
  readonly recovery?: Recovery;
  /** Where a CloudNativePG cluster is backed up. @default nowhere */
  readonly archive?: Archive;
  /** Secret with the keys of `BUCKET_SECRET`. Required if `archive` is set. */
  readonly archiveSecret?: pulumi.Input<string>;
  /** Image of the server: compatible with Docker's official `postgres`, or made for the CloudNativePG operator. */
  readonly image: string;
  /** Size of the volume, such as `1Gi`. Growing it needs a StorageClass that allows expansion. */
  readonly storage: string;
  /** @default the cluster's default StorageClass */
  readonly storageClassName?: string;
  readonly resources: ContainerResources;
  /** Connections that the server accepts at the same time; changing it restarts the server. */
  readonly maxConnections: number;
  /** Number of servers of a CloudNativePG cluster: one primary, the others standbys. */
  readonly instances: number;
  /** Namespace of the CloudNativePG operator. */
  readonly operatorNamespace: string;
  /** Secret with the login of the image's registry. @default none: the nodes may pull */
  readonly pullSecret?: pulumi.Input<string>;
  /** PriorityClass. @default the cluster's default */
  readonly priorityClassName?: string;
  /** Namespace whose pods may read the metrics of a CloudNativePG cluster. @default nobody may */
  readonly metricsReader?: string;
  /** Peers that may connect to the database. */
  readonly callers: readonly Peer[];
  /** How long to wait until the server is ready, in seconds. */
  readonly rolloutTimeoutSeconds: number;
}

/**
 * The PostgreSQL database: one server inside the cluster, for development and small installations; a primary and standbys
 * that the CloudNativePG operator runs; or an external one.
 */
export class Postgres extends pulumi.ComponentResource {
  constructor(name: string, args: PostgresArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:Postgres", name, {}, opts);

    if (args.mode === "cloudnative-pg") this.createCluster(name, args);
    if (args.mode === "in-cluster") this.createServer(name, args);

    this.registerOutputs({});
  }

  /** Returns an argument that is optional in general, but required by `mode`. */
  private required<K extends "secrets" | "appRole" | "backupSecrets" | "archiveSecret">(
    args: PostgresArgs,
    name: K,
  ) {
    const value = args[name];
    if (value === undefined)
      throw new pulumi.ResourceError(
        `the argument ${name} is missing; allowed: a Secret, because mode is ${args.mode}`,
        this,
      );
    return value;
  }

  private metadata(args: PostgresArgs, annotations?: Record<string, string>) {
    return {
      namespace: args.namespace,
      name: WORKLOAD,
      labels: objectLabels(WORKLOAD),
      annotations,
    };
  }

  private createServer(name: string, args: PostgresArgs) {
    const jobs = args.backup ? ["backup", "restore"].map((job) => workload(job, PORT)) : [];
    this.createNetworkPolicy(name, args, jobs, []);
    const account = new k8s.core.v1.ServiceAccount(
      name,
      { metadata: this.metadata(args), automountServiceAccountToken: false },
      { parent: this },
    );
    const service = this.createService(name, args);
    const claim = this.createClaim(name, args);
    const server = this.createStatefulSet(name, args, account, service, claim);
    if (args.backup)
      new Backup(
        "backup",
        {
          ...args,
          ...args.backup,
          databaseStorage: args.storage,
          secrets: this.required(args, "backupSecrets"),
          callees: [workload(WORKLOAD, PORT)],
        },
        { parent: this, dependsOn: server },
      );
  }

  private createCluster(name: string, args: PostgresArgs) {
    const servers = [PORT, STATUS_PORT].map((port) => workload(WORKLOAD, port));
    const operator = [PORT, STATUS_PORT].map((port) => inNamespace(args.operatorNamespace, port));
    const reader = args.metricsReader ? [inNamespace(args.metricsReader, METRICS_PORT)] : [];
    this.createNetworkPolicy(
      name,
      args,
      [...servers, ...operator, ...reader],
      [...servers, ...API_SERVER_PORTS.map(outside), ...(args.archive?.callees ?? [])],
    );
    const { archive } = args;
    createCluster(name, this, {
      ...args,
      workload: WORKLOAD,
      owner: { name: OWNER, secretName: this.required(args, "secrets").name },
      appRole: this.required(args, "appRole"),
      archive: archive && { ...archive, secretName: this.required(args, "archiveSecret") },
    });
  }

  private createNetworkPolicy(
    name: string,
    args: PostgresArgs,
    others: readonly Peer[],
    callees: readonly Peer[],
  ) {
    const spec = policySpec(WORKLOAD, [...args.callers, ...others], callees);
    new k8s.networking.v1.NetworkPolicy(
      name,
      { metadata: this.metadata(args), spec },
      { parent: this },
    );
  }

  /**
   * A Service with a cluster IP, not a headless one: callers that remember a pod's address would keep using it after
   * the pod is replaced.
   */
  private createService(name: string, args: PostgresArgs) {
    return new k8s.core.v1.Service(
      name,
      {
        // No wait for the Service: the deploy waits for the StatefulSet's pod to be ready.
        metadata: this.metadata(args, { "pulumi.com/skipAwait": "true" }),
        spec: {
          type: "ClusterIP",
          selector: selectorLabels(WORKLOAD),
          ports: [{ name: "postgres", port: PORT, targetPort: "postgres" }],
        },
      },
      { parent: this },
    );
  }

  /** A separate claim, not a volumeClaimTemplate of the StatefulSet: it can grow, and it outlives the StatefulSet. */
  private createClaim(name: string, args: PostgresArgs) {
    return new k8s.core.v1.PersistentVolumeClaim(
      `${name}-data`,
      {
        // No wait for the claim: a StorageClass with WaitForFirstConsumer binds it only once a pod uses it, and the pod
        // is created after the claim.
        metadata: {
          ...this.metadata(args, { "pulumi.com/skipAwait": "true" }),
          name: `${WORKLOAD}-data`,
        },
        spec: {
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage: args.storage } },
          ...(args.storageClassName && { storageClassName: args.storageClassName }),
        },
      },
      // The StorageClass of a claim cannot be changed, so it is sent only on creation. Later, even stating the name of
      // the class that is in use would count as a change.
      { parent: this, ...HOLDS_DATA, ignoreChanges: ["spec.storageClassName"] },
    );
  }

  private createStatefulSet(
    name: string,
    args: PostgresArgs,
    account: k8s.core.v1.ServiceAccount,
    service: k8s.core.v1.Service,
    claim: k8s.core.v1.PersistentVolumeClaim,
  ) {
    const secrets = this.required(args, "secrets");
    const backupRole = args.backup && BACKUP_ROLE;
    const server = { ...args, backupRole, name: WORKLOAD, port: PORT, owner: OWNER };
    return new k8s.apps.v1.StatefulSet(
      name,
      {
        metadata: this.metadata(args, {
          "pulumi.com/timeoutSeconds": String(args.rolloutTimeoutSeconds),
        }),
        spec: {
          serviceName: service.metadata.name,
          replicas: 1,
          selector: { matchLabels: selectorLabels(WORKLOAD) },
          template: {
            metadata: { labels: objectLabels(WORKLOAD) },
            spec: {
              ...restrictedPod({
                userId: POSTGRES_USER_ID,
                container: postgresContainer(server),
                serviceAccountName: account.metadata.name,
                secrets,
                pullSecret: args.pullSecret,
                priorityClassName: args.priorityClassName,
                writablePaths: ["/tmp", "/var/run/postgresql"],
                data: { claimName: claim.metadata.name, mountPath: DATA_PATH },
              }),
              // Time for the shutdown checkpoint. If it is cut short, the next start must replay the write-ahead log.
              terminationGracePeriodSeconds: 60,
            },
          },
        },
      },
      { parent: this },
    );
  }
}
