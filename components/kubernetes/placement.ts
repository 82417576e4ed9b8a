/** How the pods of one workload spread over nodes and zones. */
import type { types } from "@pulumi/kubernetes";
import { selectorLabels } from "./labels.ts";

/**
 * `any`: the scheduler decides. `preferred`: pods spread where possible. `required`: the numbers of pods on any two
 * nodes differ by at most one.
 */
export type Placement = "any" | "preferred" | "required";

/**
 * Spread constraints for the pods of one workload. They count only pods of the same revision (`pod-template-hash`): if
 * the old pods of a rollout counted too, the new ones would gather on few nodes.
 */
export function topologySpread(
  workload: string,
  placement: Placement,
): types.input.core.v1.TopologySpreadConstraint[] | undefined {
  if (placement === "any") return undefined; // the API server drops an empty list: Pulumi would see a change every time
  const spread = (
    topologyKey: string,
    required: boolean,
  ): types.input.core.v1.TopologySpreadConstraint => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: required ? "DoNotSchedule" : "ScheduleAnyway",
    labelSelector: { matchLabels: selectorLabels(workload) },
    matchLabelKeys: ["pod-template-hash"],
    // Do not count nodes that are drained or lost, and so take no pods: they would keep the other nodes from taking
    // over their pods.
    nodeTaintsPolicy: "Honor",
  });
  // Zones are never required: while one zone is down, pods must be able to run in another.
  return [
    spread("kubernetes.io/hostname", placement === "required"),
    spread("topology.kubernetes.io/zone", false),
  ];
}

/** Prefers nodes without a pod of the same workload: if there are enough nodes, losing a node costs one pod. */
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
