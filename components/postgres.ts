import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterSpec } from "./kubernetes/cloudNativePg.ts";
import { objectLabels, selectorLabels } from "./kubernetes/labels.ts";
import { inNamespace, outside, policySpec, workload, type Peer } from "./kubernetes/network.ts";
import { DATA_PATH, postgresContainer } from "./kubernetes/postgresContainer.ts";
import { restrictedPod, type SecretFiles } from "./kubernetes/podSecurity.ts";
import type { ContainerResources } from "./kubernetes/resources.ts";

const WORKLOAD = "postgres";
const PORT = 5432;
/** Name of the database, and of the role that owns it: only migrations log in as the owner. */
export const DATABASE_OWNER = "todo";
const OWNER = DATABASE_OWNER;
/** Where CloudNativePG's operator asks a server how it is, and a primary the others whether it is cut off. */
const STATUS_PORT = 8000;
/** Where distributions have the API server listen: policies see the port that its Service's 443 is turned into. */
const API_SERVER_PORTS = [443, 6443, 8443, 16443];
/** User `postgres` of the official Debian-based image. */
const USER_ID = 999;

/** `in-cluster`: one server; `cloudnative-pg`: a primary and standbys by that operator; `external`: somebody else's. */
export type DatabaseMode = "in-cluster" | "cloudnative-pg" | "external";

/** A role of the database that may log in. */
export interface DatabaseLogin {
  readonly role: string;
  readonly password: pulumi.Output<string>;
}

/** URL under which the workloads of the same namespace reach a database inside the cluster. */
export function inClusterDatabaseUrl(
  mode: DatabaseMode,
  { role, password }: DatabaseLogin,
): pulumi.Output<string> {
  // The operator's Service for the primary; its servers speak TLS with a certificate of their own authority.
  const [host, query] =
    mode === "cloudnative-pg" ? [`${WORKLOAD}-rw`, "?sslmode=require"] : [WORKLOAD, ""];
  return pulumi.interpolate`postgresql://${role}:${password}@${host}:${PORT}/${OWNER}${query}`;
}

/** The database's end of a connection; `externalPort` is the TCP port of an external server. */
export function databasePeer(mode: DatabaseMode, externalPort = PORT): Peer {
  return mode === "external" ? outside(externalPort) : workload(WORKLOAD, PORT);
}

export interface PostgresArgs {
  /** With `external` nothing is created. */
  readonly mode: DatabaseMode;
  readonly namespace: pulumi.Input<string>;
  /** The owner's Secret: `POSTGRES_PASSWORD`, or `username` and `password` for CloudNativePG; needed unless external. */
  readonly secrets?: SecretFiles;
  /** The app's role, which CloudNativePG makes, and the Secret with its `username` and `password`; needed there. */
  readonly appRole?: { readonly name: string; readonly secretName: pulumi.Input<string> };
  /** Image that keeps the contract of Docker's official `postgres`. */
  readonly image: string;
  /** Size of the volume, such as `1Gi`. Growing it needs a StorageClass that allows expansion. */
  readonly storage: string;
  /** @default the cluster's default StorageClass */
  readonly storageClassName?: string;
  readonly resources: ContainerResources;
  /** Connections that the server accepts at the same time; changing it restarts the server. */
  readonly maxConnections: number;
  /** Servers of a CloudNativePG cluster. */
  readonly instances: number;
  /** Namespace of the CloudNativePG operator. */
  readonly operatorNamespace: string;
  /** Secret with the login of the image's registry. @default none: the nodes may pull */
  readonly pullSecret?: pulumi.Input<string>;
  /** PriorityClass. @default the cluster's default */
  readonly priorityClassName?: string;
  /** Who may connect. */
  readonly callers: readonly Peer[];
  /** How long to wait for the pod, in seconds. */
  readonly rolloutTimeoutSeconds: number;
}

/**
 * What holds the data is never deleted or replaced by a deploy, and stays in the cluster when the stack lets go of it: a
 * change that needs another volume is refused until somebody unprotects this one (docs/operations.md, "Move the database").
 */
const HOLDS_DATA = { protect: true, retainOnDelete: true } as const;

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

  /** An argument that this kind of database can't do without. */
  private needed<K extends "secrets" | "appRole">(args: PostgresArgs, name: K) {
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
    this.createNetworkPolicy(name, args, [], []);
    const account = new k8s.core.v1.ServiceAccount(
      name,
      { metadata: this.metadata(args), automountServiceAccountToken: false },
      { parent: this },
    );
    const service = this.createService(name, args);
    const claim = this.createClaim(name, args);
    this.createStatefulSet(name, args, account, service, claim);
  }

  private createCluster(name: string, args: PostgresArgs) {
    const servers = [PORT, STATUS_PORT].map((port) => workload(WORKLOAD, port));
    this.createNetworkPolicy(
      name,
      args,
      [...servers, ...[PORT, STATUS_PORT].map((port) => inNamespace(args.operatorNamespace, port))],
      [...servers, ...API_SERVER_PORTS.map(outside)],
    );
    const secrets = this.needed(args, "secrets");
    const appRole = this.needed(args, "appRole");
    const annotations = {
      "pulumi.com/waitFor": "condition=Ready",
      "pulumi.com/timeoutSeconds": String(args.rolloutTimeoutSeconds),
    };
    new k8s.apiextensions.CustomResource(
      name,
      {
        apiVersion: "postgresql.cnpg.io/v1",
        kind: "Cluster",
        metadata: this.metadata(args, annotations),
        spec: clusterSpec({
          ...args,
          workload: WORKLOAD,
          owner: { name: OWNER, secretName: secrets.name },
          appRole,
        }),
      },
      { parent: this, ...HOLDS_DATA },
    );
  }

  private createNetworkPolicy(
    name: string,
    args: PostgresArgs,
    operators: readonly Peer[],
    callees: readonly Peer[],
  ) {
    const spec = policySpec(WORKLOAD, [...args.callers, ...operators], callees);
    new k8s.networking.v1.NetworkPolicy(
      name,
      { metadata: this.metadata(args), spec },
      { parent: this },
    );
  }

  /** With an address of its own: callers would go on with the remembered address of a pod that was replaced. */
  private createService(name: string, args: PostgresArgs) {
    return new k8s.core.v1.Service(
      name,
      {
        // The pod's readiness is what the deploy waits for.
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

  /** A claim of its own, not a template of the StatefulSet: it can then grow, and it outlives the StatefulSet. */
  private createClaim(name: string, args: PostgresArgs) {
    return new k8s.core.v1.PersistentVolumeClaim(
      `${name}-data`,
      {
        // A StorageClass that binds on first use would keep the deploy waiting for a pod that waits for the deploy.
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
      // The class of a volume can't be changed. Sent anyway, even the name of the class in use would be a change.
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
    const secrets = this.needed(args, "secrets");
    new k8s.apps.v1.StatefulSet(
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
                userId: USER_ID,
                container: postgresContainer({ ...args, name: WORKLOAD, port: PORT, owner: OWNER }),
                serviceAccountName: account.metadata.name,
                secrets,
                pullSecret: args.pullSecret,
                priorityClassName: args.priorityClassName,
                writablePaths: ["/tmp", "/var/run/postgresql"],
                data: { claimName: claim.metadata.name, mountPath: DATA_PATH },
              }),
              // Time for the shutdown checkpoint; cut short, the next start replays the log instead.
              terminationGracePeriodSeconds: 60,
            },
          },
        },
      },
      { parent: this },
    );
  }
}
