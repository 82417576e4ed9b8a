/** Spec of a CloudNativePG Cluster (postgresql.cnpg.io/v1, https://cloudnative-pg.io). */
import type * as pulumi from "@pulumi/pulumi";
import { objectLabels } from "./labels.ts";
import type { ContainerResources } from "./resources.ts";

export interface ClusterSpecArgs {
  readonly workload: string;
  /** Database, and the role that owns it. */
  readonly role: string;
  /** Servers: one primary, the others its standbys. */
  readonly instances: number;
  /** Secret of type kubernetes.io/basic-auth with the role and its password; the operator follows a new one. */
  readonly secretName: pulumi.Input<string>;
  readonly image: string;
  readonly storage: string;
  readonly storageClassName?: string;
  readonly resources: ContainerResources;
  readonly priorityClassName?: string;
}

/** The operator copies its own program into each pod, and that counts: the namespace's default would be too little. */
const EPHEMERAL_STORAGE = { "ephemeral-storage": "1Gi" };

/** A PostgreSQL cluster whose pods carry the labels of `workload`, so that its NetworkPolicy finds them. */
export function clusterSpec(args: ClusterSpecArgs) {
  return {
    instances: args.instances,
    imageName: args.image,
    inheritedMetadata: { labels: objectLabels(args.workload) },
    bootstrap: {
      initdb: { database: args.role, owner: args.role, secret: { name: args.secretName } },
    },
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
