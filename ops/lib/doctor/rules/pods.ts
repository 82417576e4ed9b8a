/** Pods that do not start or do not stay, by the signs for which `make up` watches a rollout. */
import { adviceFor } from "../../watch/describe.ts";
import { containersOf, warningsAbout } from "../../watch/objects.ts";
import type { Sign } from "../../watch/signs.ts";
import type { Found, Rule } from "../finding.ts";
import { nameOf, ownerOf } from "../objects.ts";
import { isRecent, kubectlOf, ofKind, signsIn, type Snapshot } from "../snapshot.ts";
import { evicted } from "./evictions.ts";

/** What follows from pods that do not run. */
export const NO_PODS = [
  "workload-not-ready",
  "service-without-endpoints",
  "database-down",
  "database-unreachable",
  "disruption-blocked",
];
/** What follows from a connection of the app that is not allowed, or not possible. */
export const NO_CONNECTION = [
  "dns-blocked",
  "database-unreachable",
  "workload-not-ready",
  "crash-loop",
  "migration-failed",
  "service-without-endpoints",
  "certificate-not-issued",
  "disruption-blocked",
];
/** The same as NO_PODS, for pods of the app. */
export const NOT_SERVING = NO_PODS.filter((name) => !name.startsWith("database-"));
const SHOWN = 3;

const unique = (texts: readonly (string | undefined)[]) => [...new Set(texts.filter(Boolean))];

/** What a sign shows, and the last log lines of its container. */
function evidenceOf({ logs }: Snapshot, { pod, container, reason, message, event }: Sign) {
  const said = message ? `${reason}: ${message}` : reason;
  const more = event && !event.includes(message) && !message.includes(event) ? event : undefined;
  const log = logs[`${pod}/${container}`] ?? [];
  return [
    pod ? `pod ${pod}: ${said}` : said,
    more,
    ...log.slice(-SHOWN).map((line) => `log: ${line}`),
  ];
}

interface SignRule extends Pick<Rule, "name" | "knows"> {
  readonly when: (sign: Sign, snapshot: Snapshot) => boolean;
  readonly problem: (workload: string, sign: Sign) => string;
  readonly cause: string;
  /** @default the advice that a failed rollout has, too */
  readonly fix?: (snapshot: Snapshot, workload: string) => string;
  readonly explains?: readonly string[];
  /** Objects beside the workload and its pods that the finding is about. @default none */
  readonly about?: (sign: Sign) => readonly string[];
}

/** A finding for each workload that shows such a sign. */
function bySign({
  when,
  problem,
  cause,
  fix,
  about = () => [],
  explains = NO_PODS,
  ...rule
}: SignRule): Rule {
  const findingOf = (snapshot: Snapshot, workload: string, signs: readonly Sign[]): Found => {
    const [first] = signs as [Sign];
    const pods = unique(signs.map(({ pod }) => pod && `Pod/${pod}`)) as string[];
    const look = `${kubectlOf(snapshot)} describe ${first.pod ? `pod/${first.pod}` : workload.toLowerCase()}`;
    const advice = fix?.(snapshot, workload) ?? adviceFor(first.reason) ?? "remove the cause";
    return {
      about: [workload, ...pods, ...about(first)],
      problem: problem(workload, first),
      evidence: unique(evidenceOf(snapshot, first)) as string[],
      cause,
      fix: `${advice}; ${look} shows more`,
    };
  };
  return {
    ...rule,
    explains,
    only: "same object",
    find: (snapshot) => {
      const signs = signsIn(snapshot).filter((sign) => when(sign, snapshot));
      const workloads = [...new Set(signs.map(({ workload }) => workload))];
      return workloads.map((workload) =>
        findingOf(
          snapshot,
          workload,
          signs.filter((sign) => sign.workload === workload),
        ),
      );
    },
  };
}

const isPull = ({ reason }: Sign) => /ImagePull|InvalidImageName|ErrImageNeverPull/.test(reason);
/** An answer of a registry. The back-off alone does not have it; the event before it does. */
const answer = ({ message, event = "", pod }: Sign, { objects }: Snapshot): string => {
  const found = ofKind(objects, "Pod").find(({ metadata }) => metadata.name === pod);
  const warnings = found ? warningsAbout(objects, found).map((each) => each.message) : [];
  return [message, event, ...warnings].join("\n");
};
const REFUSED = /\b401\b|\b403\b|denied|unauthorized|forbidden|authorization failed|no basic auth/i;
const ABSENT =
  /not found|manifest unknown|invalid reference|no match for platform|InvalidImageName/i;

const isRefused = (pattern: RegExp) => (sign: Sign) =>
  sign.reason === "FailedCreate" && pattern.test(sign.message);
const isKnownRefusal = isRefused(/exceeded quota|violates PodSecurity/);

/** The configuration or the volumes that a pod waits for, as the kubelet reports it. */
function mountFailures({ objects }: Snapshot): readonly Found[] {
  return ofKind(objects, "Pod").flatMap((pod): Found[] => {
    if (pod.metadata.deletionTimestamp || pod.status?.phase !== "Pending") return [];
    const event = warningsAbout(objects, pod).findLast(({ reason }) => reason === "FailedMount");
    const owner = ownerOf(objects, pod);
    if (!event) return [];
    return [
      {
        about: [owner ?? nameOf(pod), nameOf(pod)],
        problem: `${owner ?? nameOf(pod)} waits for what it mounts`,
        evidence: [`pod ${pod.metadata.name}: FailedMount: ${event.message}`],
        cause: "a Secret, a ConfigMap or a volume that the pod mounts does not exist",
        fix: "",
      },
    ];
  });
}

const configMissing = bySign({
  name: "config-missing",
  knows: "a Secret, a ConfigMap or one of their keys that a pod needs is missing",
  when: ({ reason }) => /^(CreateContainer(Config)?Error|RunContainerError)$/.test(reason),
  problem: (workload) => `a container of ${workload} can't be created`,
  cause: "a ConfigMap, a Secret or one of its keys, which the container needs, does not exist",
  fix: ({ stage }) => `make heal STAGE=${stage} creates what the stack sets`,
});

/** Containers that were killed for their memory and run again. The others have a sign. */
function killedBefore(snapshot: Snapshot): readonly Found[] {
  return ofKind(snapshot.objects, "Pod").flatMap((pod) =>
    containersOf(pod)
      .filter(({ ready, lastState }) => {
        const { reason, finishedAt } = lastState.terminated ?? {};
        return ready && reason === "OOMKilled" && isRecent(snapshot, finishedAt);
      })
      .map(({ name, restartCount }) => ({
        about: [ownerOf(snapshot.objects, pod) ?? nameOf(pod), nameOf(pod)],
        problem: `container ${name} of pod ${pod.metadata.name} was killed for its memory, and runs again`,
        evidence: [`OOMKilled, ${restartCount} restarts`],
        cause: "it used more memory than resources.limits.memory allows",
        fix: `${adviceFor("OOMKilled")}; ${kubectlOf(snapshot)} describe pod/${pod.metadata.name} shows more`,
      })),
  );
}

const oomKilled = bySign({
  name: "out-of-memory",
  knows: "a container is killed for its memory",
  when: ({ reason }) => reason === "OOMKilled",
  problem: (workload) => `a container of ${workload} is killed for its memory`,
  cause: "it uses more memory than resources.limits.memory allows",
});

const quotaIn = ({ message }: Sign) => /exceeded quota: ([^,\s]+)/.exec(message)?.[1] ?? "";

/** Refused by the API server, in the order in which they count. */
export const REFUSALS: readonly Rule[] = [
  bySign({
    name: "quota-full",
    knows: "the ResourceQuota has no room for another pod",
    when: isRefused(/exceeded quota/),
    problem: (workload, sign) => `${workload} gets no pods: quota ${quotaIn(sign)} is full`,
    about: (sign) => [`ResourceQuota/${quotaIn(sign)}`],
    cause: "the pods of the namespace use all that the ResourceQuota allows",
    fix: (snapshot) =>
      `raise todo-app:quota, or scale something down; ${kubectlOf(snapshot)} describe resourcequota`,
  }),
  bySign({
    name: "pod-security",
    knows: "Pod Security refuses the pods",
    when: isRefused(/violates PodSecurity/),
    problem: (workload) => `${workload} gets no pods: Pod Security refuses them`,
    cause:
      "the pods ask for rights that the profile of the namespace does not allow: they, or its labels, were changed",
    fix: ({ stage }) => `make heal STAGE=${stage} puts back pods that the stack has made`,
  }),
  bySign({
    name: "pod-refused",
    knows: "the API server refuses the pods for another reason",
    when: (sign) => sign.reason === "FailedCreate" && !isKnownRefusal(sign),
    problem: (workload) => `${workload} gets no pods`,
    cause: "the API server refuses to create them, for the reason that it states",
  }),
];

export const POD_RULES: readonly Rule[] = [
  bySign({
    name: "registry-refuses",
    knows: "a registry refuses to hand out an image: 401, 403, denied",
    when: (sign, snapshot) => isPull(sign) && REFUSED.test(answer(sign, snapshot)),
    problem: (workload) => `the registry refuses the image of ${workload}`,
    cause: "the login with which the nodes pull is missing, wrong or expired",
    fix: ({ stage }) =>
      `set todo-app:registryUsername and registryPassword, or renew the Secret of todo-app:images.pullSecretName; then make up STAGE=${stage}`,
  }),
  bySign({
    name: "image-missing",
    knows: "an image does not exist, or not for this platform",
    when: (sign, snapshot) => {
      const said = answer(sign, snapshot);
      return isPull(sign) && !REFUSED.test(said) && ABSENT.test(said + sign.reason);
    },
    problem: (workload) => `the image of ${workload} does not exist`,
    cause: "the registry does not have it: it was deleted, or its name was changed by hand",
    fix: ({ stage }) =>
      `make heal STAGE=${stage} puts a changed name back; docs/registry.md, "An image that is gone", has a deleted image built again`,
  }),
  bySign({
    name: "registry-silent",
    knows: "an image can't be pulled for another reason, such as a registry that does not answer",
    when: (sign, snapshot) =>
      isPull(sign) &&
      ![REFUSED, ABSENT].some((pattern) => pattern.test(answer(sign, snapshot) + sign.reason)),
    problem: (workload) => `the image of ${workload} can't be pulled`,
    cause: "the registry does not answer the nodes, or not in time",
  }),
  { ...configMissing, find: (snapshot) => [...configMissing.find(snapshot), ...mounts(snapshot)] },
  bySign({
    name: "unschedulable",
    knows: "no node takes a pod",
    when: ({ reason }) => reason === "Unschedulable",
    problem: (workload) => `no node takes a pod of ${workload}`,
    cause: "what the pod asks for is free on no node, or rules of placement exclude them all",
  }),
  {
    name: "evicted",
    knows: "a pod was evicted: it filled its disk, or its node ran short",
    find: evicted,
  },
  {
    ...oomKilled,
    find: (snapshot) => [...oomKilled.find(snapshot), ...killedBefore(snapshot)],
  },
];

const mounts = (snapshot: Snapshot) =>
  mountFailures(snapshot).map((found) => ({
    ...found,
    fix: `make heal STAGE=${snapshot.stage} creates what the stack sets; ${kubectlOf(snapshot)} describe ${(found.about?.[1] ?? "").toLowerCase()} shows more`,
  }));

/** After the rules for causes of a crash that are known. */
export const CRASH_RULES: readonly Rule[] = [
  bySign({
    name: "crash-loop",
    knows: "a container ends again and again",
    when: ({ reason }) => reason === "CrashLoopBackOff",
    explains: NOT_SERVING,
    problem: (workload) => `a container of ${workload} ends again and again`,
    cause: "the program ends by itself; its log says why",
    fix: (snapshot, workload) =>
      `correct what the log names; a release that does so is taken back by make rollback STAGE=${snapshot.stage}; ` +
      `${kubectlOf(snapshot)} logs ${workload.toLowerCase()} --previous`,
  }),
];
