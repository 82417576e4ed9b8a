import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { objectLabels, selectorLabels } from "./kubernetes/labels.ts";
import { outside, policySpec, workload, type Peer } from "./kubernetes/network.ts";
import { restrictedPod } from "./kubernetes/podSecurity.ts";
import type { ContainerResources } from "./kubernetes/resources.ts";

const WORKLOAD = "postgres";
const PORT = 5432;
const ROLE = "todo";
/** User `postgres` of the official Debian-based image. */
const USER_ID = 999;
const DATA_PATH = "/var/lib/postgresql/data";

/** URL under which the workloads of the same namespace reach the in-cluster database. */
export function inClusterDatabaseUrl(password: pulumi.Output<string>): pulumi.Output<string> {
  return pulumi.interpolate`postgresql://${ROLE}:${password}@${WORKLOAD}:${PORT}/${ROLE}`;
}

export interface PostgresArgs {
  /** `external`: the server is somebody else's, and nothing is created. */
  readonly mode: "in-cluster" | "external";
  /** TCP port of an external server. @default 5432 */
  readonly externalPort?: number;
  readonly namespace: pulumi.Input<string>;
  /** Name of the Secret with `POSTGRES_PASSWORD`; needed in-cluster. */
  readonly secretName?: pulumi.Input<string>;
  /** Image that keeps the contract of Docker's official `postgres`. */
  readonly image: string;
  /** Size of the volume, such as `1Gi`. Growing it needs a StorageClass that allows expansion. */
  readonly storage: string;
  /** @default the cluster's default StorageClass */
  readonly storageClassName?: string;
  readonly resources: ContainerResources;
  /** Workloads that may connect. */
  readonly callers: readonly string[];
  /** How long to wait for the pod, in seconds. */
  readonly rolloutTimeoutSeconds: number;
  /** Refuse to destroy the volume. @default false */
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
    this.createNetworkPolicy(name, args);
    const service = this.createService(name, args);
    const claim = this.createClaim(name, args);
    this.createStatefulSet(name, args, service, claim);

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

  private createNetworkPolicy(name: string, args: PostgresArgs) {
    const callers = args.callers.map((caller) => workload(caller, PORT));
    new k8s.networking.v1.NetworkPolicy(
      name,
      { metadata: this.metadata(args), spec: policySpec(WORKLOAD, callers, []) },
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
      { parent: this, protect: args.protect },
    );
  }

  private createStatefulSet(
    name: string,
    args: PostgresArgs,
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
    envFrom: [{ secretRef: { name: args.secretName! } }],
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
              `echo "ALTER ROLE ${ROLE} PASSWORD :'password'" | psql --quiet --username=${ROLE} --dbname=${ROLE} --set=password="$POSTGRES_PASSWORD"`,
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
