/** Spec of a CloudNativePG Cluster (postgresql.cnpg.io/v1, https://cloudnative-pg.io). */
import type * as pulumi from "@pulumi/pulumi";
import { objectLabels } from "./labels.ts";
import type { ContainerResources } from "./resources.ts";

/** A role and its Secret of type kubernetes.io/basic-auth; the operator follows a new one. */
interface Role {
  readonly name: string;
  readonly secretName: pulumi.Input<string>;
}

export interface ClusterSpecArgs {
  readonly workload: string;
  /** Owner of the database, which is called like it. */
  readonly owner: Role;
  /** Role without rights of its own; the migration, which runs as the owner, grants it what the app needs. */
  readonly appRole: Role;
  /** Servers: one primary, the others its standbys. */
  readonly instances: number;
  readonly image: string;
  readonly storage: string;
  readonly storageClassName?: string;
  readonly resources: ContainerResources;
  /** Connections that each server accepts at the same time. */
  readonly maxConnections: number;
  /** Secret with the login of the image's registry. */
  readonly pullSecret?: pulumi.Input<string>;
  readonly priorityClassName?: string;
}

/** The operator copies its own program into each pod, and that counts: the namespace's default would be too little. */
const EPHEMERAL_STORAGE = { "ephemeral-storage": "1Gi" };

/** A PostgreSQL cluster whose pods carry the labels of `workload`, so that its NetworkPolicy finds them. */
export function clusterSpec(args: ClusterSpecArgs) {
  const { owner, appRole } = args;
  return {
    instances: args.instances,
    imageName: args.image,
    ...(args.pullSecret && { imagePullSecrets: [{ name: args.pullSecret }] }),
    inheritedMetadata: { labels: objectLabels(args.workload) },
    bootstrap: {
      initdb: { database: owner.name, owner: owner.name, secret: { name: owner.secretName } },
    },
    // A role that is listed no more stays as it is: the one before can log in until its turn comes again.
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
    // One server alone would never be allowed to leave a node that is drained.
    enablePDB: args.instances > 1,
    // Standbys take over within seconds only where they run on other nodes.
    affinity: { enablePodAntiAffinity: true, podAntiAffinityType: "preferred" },
    enableSuperuserAccess: false,
    ...(args.priorityClassName && { priorityClassName: args.priorityClassName }),
  };
}
