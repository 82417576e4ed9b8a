import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { clusterSpec } from "./kubernetes/cloudNativePg.ts";
import { objectLabels, selectorLabels } from "./kubernetes/labels.ts";
import { inNamespace, outside, policySpec, workload, type Peer } from "./kubernetes/network.ts";
import { restrictedPod, type SecretFiles } from "./kubernetes/podSecurity.ts";
import type { ContainerResources } from "./kubernetes/resources.ts";

const WORKLOAD = "postgres";
const PORT = 5432;
/** Name of the database, and of the role that owns it. */
export const DATABASE_ROLE = "todo";
const ROLE = DATABASE_ROLE;
/** Where CloudNativePG's operator asks a server how it is, and a primary the others whether it is cut off. */
const STATUS_PORT = 8000;
/** Where distributions have the API server listen: policies see the port that its Service's 443 is turned into. */
const API_SERVER_PORTS = [443, 6443, 8443, 16443];
/** User `postgres` of the official Debian-based image. */
const USER_ID = 999;
const DATA_PATH = "/var/lib/postgresql/data";

/** `in-cluster`: one server; `cloudnative-pg`: a primary and standbys by that operator; `external`: somebody else's. */
export type DatabaseMode = "in-cluster" | "cloudnative-pg" | "external";

/** URL under which the workloads of the same namespace reach a database inside the cluster. */
export function inClusterDatabaseUrl(
  mode: DatabaseMode,
  password: pulumi.Output<string>,
): pulumi.Output<string> {
  // The operator's Service for the primary; its servers speak TLS with a certificate of their own authority.
  const [host, query] =
    mode === "cloudnative-pg" ? [`${WORKLOAD}-rw`, "?sslmode=require"] : [WORKLOAD, ""];
  return pulumi.interpolate`postgresql://${ROLE}:${password}@${host}:${PORT}/${ROLE}${query}`;
}

export interface PostgresArgs {
  /** With `external` nothing is created. */
  readonly mode: DatabaseMode;
  /** TCP port of an external server. @default 5432 */
  readonly externalPort?: number;
  readonly namespace: pulumi.Input<string>;
  /** Secret with `POSTGRES_PASSWORD`, or with `username` and `password` for CloudNativePG; needed unless external. */
  readonly secrets?: SecretFiles;
  /** Image that keeps the contract of Docker's official `postgres`. */
  readonly image: string;
  /** Size of the volume, such as `1Gi`. Growing it needs a StorageClass that allows expansion. */
  readonly storage: string;
  /** @default the cluster's default StorageClass */
  readonly storageClassName?: string;
  readonly resources: ContainerResources;
  /** Servers of a CloudNativePG cluster. */
  readonly instances: number;
  /** Namespace of the CloudNativePG operator. */
  readonly operatorNamespace: string;
  /** PriorityClass. @default the cluster's default */
  readonly priorityClassName?: string;
  /** Workloads that may connect. */
  readonly callers: readonly string[];
  /** How long to wait for the pod, in seconds. */
  readonly rolloutTimeoutSeconds: number;
  /** Refuse to destroy the data, and leave it in the cluster whatever happens to the stack. @default false */
  readonly protect?: boolean;
}

/** The PostgreSQL database: one server inside the cluster, for development and small installations, or an external one. */
export class Postgres extends pulumi.ComponentResource {
  /** The database's end of a connection, for the NetworkPolicies of its callers. */
  readonly peer: Peer;

  constructor(name: string, args: PostgresArgs, opts?: pulumi.ComponentResourceOptions) {
    super("todo-app:index:Postgres", name, {}, opts);

    if (args.mode === "external") {
      this.peer = outside(args.externalPort ?? PORT);
      this.registerOutputs({});
      return;
    }
    this.peer = workload(WORKLOAD, PORT);
    if (args.mode === "cloudnative-pg") this.createCluster(name, args);
    else this.createServer(name, args);

    this.registerOutputs({});
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
          role: ROLE,
          secretName: args.secrets!.name,
        }),
      },
      { parent: this, protect: args.protect, retainOnDelete: args.protect },
    );
  }

  private createNetworkPolicy(
    name: string,
    args: PostgresArgs,
    operators: readonly Peer[],
    callees: readonly Peer[],
  ) {
    const callers = args.callers.map((caller) => workload(caller, PORT));
    const spec = policySpec(WORKLOAD, [...callers, ...operators], callees);
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
      { parent: this, protect: args.protect, retainOnDelete: args.protect },
    );
  }

  private createStatefulSet(
    name: string,
    args: PostgresArgs,
    account: k8s.core.v1.ServiceAccount,
    service: k8s.core.v1.Service,
    claim: k8s.core.v1.PersistentVolumeClaim,
  ) {
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
                container: databaseContainer(args),
                serviceAccountName: account.metadata.name,
                secrets: args.secrets,
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

function databaseContainer(args: PostgresArgs) {
  // Over TCP: while the image initialises an empty volume, its temporary server answers on the socket alone.
  const isReady = [
    "pg_isready",
    "--quiet",
    "--host=127.0.0.1",
    `--username=${ROLE}`,
    `--dbname=${ROLE}`,
  ];
  return {
    name: WORKLOAD,
    image: args.image,
    env: [
      { name: "POSTGRES_USER", value: ROLE },
      { name: "POSTGRES_DB", value: ROLE },
      // Below the mount point: a volume's own lost+found would make initdb refuse.
      { name: "PGDATA", value: `${DATA_PATH}/pgdata` },
    ],
    ports: [{ name: "postgres", containerPort: PORT }],
    resources: args.resources,
    // The image reads POSTGRES_PASSWORD only when it creates the database. Setting it on every start lets a rotated
    // password reach the role too. The local socket needs no password (the image's own pg_hba.conf).
    lifecycle: {
      postStart: {
        exec: {
          command: [
            "sh",
            "-c",
            `until ${isReady.join(" ")}; do sleep 0.2; done; ` +
              `echo "ALTER ROLE ${ROLE} PASSWORD :'password'" | psql --quiet --username=${ROLE} --dbname=${ROLE} --set=password="$(cat "$POSTGRES_PASSWORD_FILE")"`,
          ],
        },
      },
    },
    startupProbe: { exec: { command: isReady }, periodSeconds: 1, failureThreshold: 120 },
    livenessProbe: {
      exec: { command: isReady },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    readinessProbe: {
      exec: { command: isReady },
      periodSeconds: 5,
      timeoutSeconds: 5,
      failureThreshold: 2,
    },
  };
}
