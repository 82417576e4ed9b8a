/** Pods that their node has evicted. */
import { warningsAbout } from "../../watch/objects.ts";
import type { Found } from "../finding.ts";
import { nameOf, ownerOf, type LiveObject, type StatusCondition } from "../objects.ts";
import { isRecent, kubectlOf, ofKind, type Snapshot } from "../snapshot.ts";

/** When a pod has changed last. */
const lastChange = ({ metadata, status }: LiveObject) =>
  [
    metadata.creationTimestamp,
    ...((status?.conditions ?? []) as readonly StatusCondition[]).map(
      (each) => each.lastTransitionTime,
    ),
  ]
    .toSorted()
    .at(-1);

/** Why a pod was evicted; undefined where it was not. Of a program that ended as it was asked to, only the event says so. */
function evictionOf({ objects }: Snapshot, pod: LiveObject): string | undefined {
  const { reason, message } =
    pod.status?.reason === "Evicted"
      ? pod.status
      : (warningsAbout(objects, pod).findLast((event) => event.reason === "Evicted") ?? {});
  return reason && (message ?? reason);
}

/** Finds the pods that were evicted lately. */
export const evicted = (snapshot: Snapshot): readonly Found[] =>
  ofKind(snapshot.objects, "Pod").flatMap((pod) => {
    const eviction = evictionOf(snapshot, pod);
    if (!eviction || !isRecent(snapshot, lastChange(pod))) return [];
    return {
      about: [nameOf(pod), ownerOf(snapshot.objects, pod) ?? ""],
      problem: `pod ${pod.metadata.name} was evicted from its node`,
      evidence: [eviction],
      cause: /emptyDir|ephemeral/i.test(eviction)
        ? "the pod wrote more to its disk than its limit allows"
        : "the node ran short of memory or disk",
      fix: `free what fills up, or move pods to other nodes; ${kubectlOf(snapshot)} delete pod ${pod.metadata.name} removes the record`,
    };
  });
