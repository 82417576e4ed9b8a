/** The namespace of the stage, and objects in it that can't go. */
import type { Found, Rule } from "../finding.ts";
import { conditionText, nameOf, ownerOf, type LiveObject } from "../objects.ts";
import { find, kubectlOf, ofKind, parseTime, type Snapshot } from "../snapshot.ts";
import { NO_PODS } from "./pods.ts";

/** The deletion time of an object is already the time by which it should be gone. */
const PATIENCE_MS = 5_000;

/** Finalizers that Kubernetes removes by itself, once nothing uses the object any more. */
const OWN_FINALIZER = /^(kubernetes\.io\/|foregroundDeletion$|orphan$|batch\.kubernetes\.io\/)/;

/** Finalizers that wait for a program which somebody has installed. */
const foreignFinalizers = ({ metadata }: LiveObject) =>
  (metadata.finalizers ?? []).filter((name) => !OWN_FINALIZER.test(name));

const release = (snapshot: Snapshot, object: LiveObject) =>
  `${kubectlOf(snapshot)} patch ${nameOf(object).toLowerCase()} --type merge --patch '{"metadata":{"finalizers":null}}'`;

function namespaceMissing({ around, stage, namespace, context, unread }: Snapshot) {
  if (find(around, "Namespace", namespace)) return [];
  if (unread.some((text) => text.startsWith("the namespace"))) return [];
  return [
    {
      about: [`Namespace/${namespace}`],
      problem: `there is no namespace ${namespace}`,
      evidence: [],
      cause: `${stage} was never deployed to the cluster of context ${context}, or its namespace was deleted`,
      fix: `make up STAGE=${stage}`,
    },
  ];
}

function namespaceTerminating(snapshot: Snapshot): readonly Found[] {
  const { around, objects, namespace, stage } = snapshot;
  const found = find(around, "Namespace", namespace);
  if (!found?.metadata.deletionTimestamp) return [];
  const conditions = (found.status?.conditions ?? []).filter(({ status }) => status === "True");
  const held = objects.filter((object) => foreignFinalizers(object).length);
  const names = held.map((object) => `${nameOf(object)} (${foreignFinalizers(object).join(", ")})`);
  return [
    {
      about: [nameOf(found), ...held.map(nameOf)],
      problem: `namespace ${namespace} is being deleted${held.length ? ", and can't end" : ""}`,
      evidence: [
        ...conditions.map(conditionText),
        ...(names.length ? [`held by: ${names.join("; ")}`] : []),
      ],
      cause: held.length
        ? "an object waits for the program of its finalizer, which does not run"
        : "somebody has deleted the namespace; it goes when everything in it is gone",
      fix:
        (held[0]
          ? `start that program; if it is gone for good: ${release(snapshot, held[0])}; `
          : "") + `once the namespace is gone, make up STAGE=${stage} deploys the stage again`,
    },
  ];
}

/** Why an object that should be gone is still there; undefined where the reason is not known. */
function whyStuck({ objects, around }: Snapshot, object: LiveObject): string | undefined {
  const [finalizer] = foreignFinalizers(object);
  if (finalizer)
    return `it waits for the program of its finalizer ${finalizer}, which does not run`;
  const users = ofKind(objects, "Pod").filter(({ spec }) =>
    spec?.volumes?.some(
      ({ persistentVolumeClaim: claim }) => claim?.claimName === object.metadata.name,
    ),
  );
  if (object.kind === "PersistentVolumeClaim" && users.length)
    return `pods still use it: ${users.map(({ metadata }) => metadata.name).join(", ")}`;
  const node = object.kind === "Pod" && find(around, "Node", object.spec?.nodeName ?? "");
  if (node) return `the kubelet of node ${node.metadata.name} does not report that it has ended`;
  return undefined;
}

function stuck(snapshot: Snapshot): readonly Found[] {
  const { objects, now } = snapshot;
  return objects.flatMap((object): Found[] => {
    const { deletionTimestamp, name } = object.metadata;
    if (!deletionTimestamp || now - parseTime(deletionTimestamp) < PATIENCE_MS) return [];
    const cause = whyStuck(snapshot, object);
    if (!cause) return [];
    const [finalizer] = foreignFinalizers(object);
    const look = `${kubectlOf(snapshot)} describe ${nameOf(object).toLowerCase()}`;
    return [
      {
        about: [nameOf(object), ...(object.kind === "Pod" ? [ownerOf(objects, object) ?? ""] : [])],
        problem: `${object.kind} ${name} was deleted, and can't go`,
        evidence: [`to be gone by ${deletionTimestamp}`],
        cause,
        fix: finalizer
          ? `start that program; if it is gone for good: ${release(snapshot, object)}`
          : `remove the cause; ${look} shows more`,
      },
    ];
  });
}

export const NAMESPACE_RULES: readonly Rule[] = [
  {
    name: "namespace-missing",
    knows: "the namespace of the stage does not exist",
    explains: ["object-gone", "route-without-address", "host-elsewhere"],
    find: namespaceMissing,
  },
  {
    name: "namespace-terminating",
    knows: "the namespace is being deleted, or stuck in that by a finalizer",
    explains: ["object-gone", "stuck-terminating", "pod-refused", ...NO_PODS],
    find: namespaceTerminating,
  },
];

export const STUCK_RULE: Rule = {
  name: "stuck-terminating",
  knows: "an object was deleted and can't go: a finalizer, a volume in use, a kubelet that is gone",
  explains: ["volume-pending", "unschedulable", ...NO_PODS],
  only: "same object",
  find: stuck,
};
