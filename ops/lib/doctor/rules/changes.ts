/** What was changed by hand and does harm, and what a deploy has left behind. */
import type { DriftedObject } from "../../drift/drift.ts";
import { changeText } from "../../drift/report.ts";
import type { Found, Rule } from "../finding.ts";
import { nameOf, selects, type LiveObject } from "../objects.ts";
import { kubectlOf, ofKind, type Snapshot } from "../snapshot.ts";
import { isDnsPod } from "./cluster.ts";
import { NO_CONNECTION, NO_PODS } from "./pods.ts";

const nameOfDrift = ({ kind, name }: DriftedObject) => `${kind}/${name}`;

const changes = ({ gone, fields }: DriftedObject): readonly string[] =>
  gone ? ["it was deleted"] : fields.map(changeText);

const heal = ({ stage }: Snapshot) => `make heal STAGE=${stage} puts back what the stack sets`;

const policyChanged = (snapshot: Snapshot): readonly Found[] =>
  (snapshot.drift ?? [])
    .filter(({ kind }) => kind === "NetworkPolicy")
    .map((object) => ({
      about: [nameOfDrift(object)],
      problem: `NetworkPolicy ${object.name} ${object.gone ? "is gone" : "was changed by hand"}`,
      evidence: changes(object),
      cause: "connections that the stack allows may be blocked, or others be allowed",
      fix: heal(snapshot),
    }));

/** Policies that allow nothing, unless another policy for the same pods allows something. */
function denying(
  policies: readonly LiveObject[],
  pod: LiveObject,
  direction: "Ingress" | "Egress",
): readonly LiveObject[] {
  const field = direction === "Ingress" ? "ingress" : "egress";
  const here = policies.filter(
    ({ metadata, spec }) =>
      metadata.namespace === pod.metadata.namespace &&
      (spec?.policyTypes ?? ["Ingress"]).includes(direction) &&
      selects(spec?.podSelector ?? {}, pod.metadata.labels),
  );
  return here.every(({ spec }) => !spec?.[field]?.length) ? here : [];
}

/** Policies in other namespaces that cut off the name service or the proxies of the route. */
function policiesAround(snapshot: Snapshot): readonly Found[] {
  const { around, config } = snapshot;
  const policies = ofKind(around, "NetworkPolicy");
  const pods = ofKind(around, "Pod");
  const proxies = pods.filter(({ metadata }) => metadata.namespace === config?.route.namespace);
  const found = [
    ...pods.filter(isDnsPod).flatMap((pod) => denying(policies, pod, "Ingress")),
    ...proxies.flatMap((pod) => [
      ...denying(policies, pod, "Ingress"),
      ...denying(policies, pod, "Egress"),
    ]),
  ];
  return [...new Set(found)].map((policy) => {
    const { namespace = "", name } = policy.metadata;
    const whom = namespace === "kube-system" ? "the name service" : "the proxies of the route";
    return {
      about: [nameOf(policy)],
      problem: `NetworkPolicy ${name} in namespace ${namespace} cuts off ${whom}`,
      evidence: [`it selects their pods, and allows nothing (${spec(policy)})`],
      cause: "no policy there allows the connections that the stage needs",
      fix: `allow them, or ${kubectlOf(snapshot, false)} --namespace ${namespace} delete networkpolicy ${name}`,
    };
  });
}

const spec = (policy: LiveObject) => (policy.spec?.policyTypes ?? ["Ingress"]).join(", ");

/** Kinds whose absence stops the stage. */
const VITAL =
  /^(Deployment|StatefulSet|Service|Ingress|Gateway|HTTPRoute|Certificate|Issuer|ConfigMap|Secret|PersistentVolumeClaim|ServiceAccount|Cluster|HorizontalPodAutoscaler|PodDisruptionBudget|ResourceQuota|LimitRange|Namespace)$/;

const objectsGone = (snapshot: Snapshot): readonly Found[] =>
  (snapshot.drift ?? [])
    .filter(({ kind, gone }) => gone && VITAL.test(kind))
    .map((object) => ({
      about: [nameOfDrift(object)],
      problem: `${object.kind} ${object.name} is gone${object.holdsData ? ", with the data that it held" : ""}`,
      evidence: [],
      cause: "somebody has deleted it",
      fix: object.holdsData
        ? `make heal STAGE=${snapshot.stage} says what to do about the data`
        : heal(snapshot),
    }));

const secretsChanged = (snapshot: Snapshot): readonly Found[] =>
  (snapshot.drift ?? [])
    .filter(({ kind, gone }) => kind === "Secret" && !gone)
    .map((object) => ({
      about: [nameOfDrift(object)],
      problem: `Secret ${object.name} was changed by hand`,
      evidence: changes(object),
      cause: "pods that start from now on get values that the stack has not set",
      fix: heal(snapshot),
    }));

/** Workloads that were stopped by hand. The database has a rule of its own. */
const stopped = (snapshot: Snapshot): readonly Found[] =>
  ofKind(snapshot.objects, "Deployment").flatMap((deployment): Found[] => {
    const { name } = deployment.metadata;
    const isPaused = deployment.spec?.paused;
    if (deployment.spec?.replicas !== 0 && !isPaused) return [];
    const command = isPaused
      ? `rollout resume deployment/${name}`
      : `scale deployment/${name} --replicas ${snapshot.config?.[name as "backend"]?.replicas ?? 2}`;
    return [
      {
        about: [nameOf(deployment)],
        problem: isPaused ? `Deployment ${name} is paused` : `Deployment ${name} is scaled to 0`,
        evidence: [isPaused ? "spec.paused is true" : "spec.replicas is 0"],
        cause: isPaused
          ? "no change of it reaches its pods until it is resumed"
          : "somebody has stopped it",
        fix: `${kubectlOf(snapshot)} ${command}`,
      },
    ];
  });

const deadLock = ({ lock, stage }: Snapshot): readonly Found[] =>
  lock?.dead
    ? [
        {
          problem: `a command that has ended still holds the lock on ${stage}`,
          evidence: [`lock of ${lock.owner}; no such process runs`],
          cause: "the command was killed",
          fix: `make up STAGE=${stage} removes the lock and goes on; without a deploy: pulumi cancel --stack ${stage}`,
        },
      ]
    : [];

const interrupted = ({ pending, lock, stage }: Snapshot): readonly Found[] =>
  pending.length && (!lock || lock.dead)
    ? [
        {
          problem: `the last deploy of ${stage} was killed`,
          evidence: pending,
          cause: "it was killed while these operations were under way",
          fix: `make up STAGE=${stage} goes on`,
        },
      ]
    : [];

export const POLICY_RULES: readonly Rule[] = [
  {
    name: "policy-changed",
    knows: "a NetworkPolicy of the stack was changed by hand, or is gone",
    explains: [...NO_CONNECTION, "backup-failed"],
    find: policyChanged,
  },
  {
    name: "policy-around",
    knows: "a NetworkPolicy of another namespace cuts off the name service or the route's proxies",
    explains: [...NO_CONNECTION, "backup-failed"],
    find: policiesAround,
  },
  {
    name: "object-gone",
    knows: "an object of the stack was deleted by hand",
    explains: [...NO_PODS, "config-missing", "crash-loop", "route-without-address"],
    find: objectsGone,
  },
];

export const SECRET_RULE: Rule = {
  name: "secret-changed",
  knows: "a Secret of the stack was changed by hand",
  explains: ["crash-loop", "workload-not-ready", "migration-failed"],
  find: secretsChanged,
};

export const STOPPED_RULE: Rule = {
  name: "stopped-by-hand",
  knows: "a Deployment is paused, or scaled to 0",
  explains: NO_PODS,
  find: stopped,
};

export const DEPLOY_RULES: readonly Rule[] = [
  {
    name: "lock-left",
    knows: "a killed command has left its lock on the stack",
    explains: ["deploy-interrupted"],
    find: deadLock,
  },
  {
    name: "deploy-interrupted",
    knows: "the last deploy was killed halfway",
    find: interrupted,
  },
];
