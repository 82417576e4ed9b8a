/** How the pods of one workload spread over nodes and zones. */
import type { types } from "@pulumi/kubernetes";
import { selectorLabels } from "./labels.ts";

/** `any`: the scheduler decides; `preferred`: spread where possible; `required`: never two more on one node than on another. */
export type Placement = "any" | "preferred" | "required";

/** Counts the pods of one revision only (`pod-template-hash`), or the old pods of a rollout would push the new ones together. */
export function topologySpread(
  workload: string,
  placement: Placement,
): types.input.core.v1.TopologySpreadConstraint[] | undefined {
  if (placement === "any") return undefined; // the API server drops an empty list, which would be a difference for ever
  const spread = (
    topologyKey: string,
    required: boolean,
  ): types.input.core.v1.TopologySpreadConstraint => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: required ? "DoNotSchedule" : "ScheduleAnyway",
    labelSelector: { matchLabels: selectorLabels(workload) },
    matchLabelKeys: ["pod-template-hash"],
    // A node that is being drained, or is lost, takes no pods: were it counted, the others could not take its pods over.
    nodeTaintsPolicy: "Honor",
  });
  // Zones are never required: a zone that is down would hold back pods that another could run.
  return [
    spread("kubernetes.io/hostname", placement === "required"),
    spread("topology.kubernetes.io/zone", false),
  ];
}

/** Prefers nodes without a pod of the same workload: where nodes are enough, losing one takes one pod. */
export function antiAffinity(
  workload: string,
  placement: Placement,
): types.input.core.v1.Affinity | undefined {
  if (placement === "any") return undefined;
  return {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          podAffinityTerm: {
            topologyKey: "kubernetes.io/hostname",
            labelSelector: { matchLabels: selectorLabels(workload) },
          },
        },
      ],
    },
  };
}
