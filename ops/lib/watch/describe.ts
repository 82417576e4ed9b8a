/** Says why a rollout failed, and what to do. */
import { CONTINUES } from "../errors.ts";
import type { RolloutFailure } from "./watch.ts";

/** What to do, by the reason that Kubernetes gives. The first pattern that matches counts. */
const ADVICE: readonly (readonly [reason: RegExp, advice: string])[] = [
  [
    /ImagePull|InvalidImageName/,
    "check that the registry has the image and that the nodes may pull it",
  ],
  [/ErrImageNeverPull/, "load the image into the cluster, or set todo-app:images.push to true"],
  [/OOMKilled/, "find what takes the memory, or raise resources.limits.memory of the workload"],
  [
    /CrashLoopBackOff|BackoffLimitExceeded|PodFailurePolicy|^Failed$/,
    "the log above says why the program ended",
  ],
  [/Unhealthy/, "the log above and the probe's answer say what the program waits for"],
  [/FailedCreate/, "free room in the quota, or change what the API server refuses"],
  [/Unschedulable/, "add nodes, free room on them, or ask for less: resources.requests, placement"],
  [/Provisioning|Binding/, "check the StorageClass and the room behind it"],
];

/** What to do about a reason; undefined for one that is not known. */
export const adviceFor = (reason: string): string | undefined =>
  ADVICE.find(([pattern]) => pattern.test(reason))?.[1];

/** The error's text over several lines, and what to do. */
export function describeFailure(failure: RolloutFailure): { message: string; fix: string } {
  const { workload, pod, container, reason, message, event, log, target, previous } = failure;
  const { context, namespace } = target;
  const where = pod && `  pod ${pod}${container ? `, container ${container}` : ""}`;
  const isNews = event && !event.includes(message);
  const lines = [
    `${workload} can't become ready: ${reason}${message ? `: ${message}` : ""}`,
    ...(where ? [where] : []),
    ...(isNews ? [`  event: ${event}`] : []),
    ...(log.length
      ? [
          `  last log lines${previous ? " before its restart" : ""}:`,
          ...log.map((line) => `    ${line}`),
        ]
      : []),
  ];
  const advice = adviceFor(reason);
  const look = `kubectl --context ${context} --namespace ${namespace} describe ${pod ? `pod/${pod}` : workload.toLowerCase()}`;
  return {
    message: lines.join("\n"),
    fix: `${advice ? `${advice}; ` : ""}${look} shows more; pods of the previous release still serve; ${CONTINUES}`,
  };
}
