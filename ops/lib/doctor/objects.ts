/** The parts of Kubernetes objects, of any kind, that the doctor reads; and how objects belong together. */
import type { ApiObject, Condition, Meta } from "../watch/objects.ts";

type Labels = Readonly<Record<string, string>>;

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

interface ServiceReference {
  readonly name: string;
  readonly namespace: string;
}

/** The part of a pod's specification that names other objects. */
interface PodSpec {
  readonly nodeName?: string;
  readonly volumes?: readonly {
    readonly name: string;
    readonly persistentVolumeClaim?: { readonly claimName: string };
  }[];
}

interface Spec extends PodSpec {
  readonly replicas?: number;
  /** Servers of a CloudNativePG cluster. */
  readonly instances?: number;
  readonly paused?: boolean;
  /** A map of labels for a Service, a selector for the other kinds. */
  readonly selector?: Labels | Selector;
  readonly type?: string;
  readonly unschedulable?: boolean;
  readonly suspend?: boolean;
  readonly renewTime?: string;
  readonly finalizers?: readonly string[];
  readonly hard?: Labels;
  readonly storageClassName?: string;
  readonly maxReplicas?: number;
  readonly scaleTargetRef?: { readonly kind: string; readonly name: string };
  /** The Service behind an aggregated API. */
  readonly service?: ServiceReference;
  readonly podSelector?: Selector;
  readonly policyTypes?: readonly string[];
  readonly ingress?: readonly object[];
  readonly egress?: readonly object[];
  readonly issuerRef?: { readonly kind?: string; readonly name: string };
  readonly dnsName?: string;
}

export interface StatusCondition extends Condition {
  readonly lastTransitionTime?: string;
}

interface Status {
  readonly reason?: string;
  readonly message?: string;
  readonly state?: string;
  readonly conditions?: readonly StatusCondition[];
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly currentReplicas?: number;
  readonly currentHealthy?: number;
  readonly expectedPods?: number;
  readonly disruptionsAllowed?: number;
  readonly hard?: Labels;
  readonly used?: Labels;
  /** Of a volume claim. */
  readonly capacity?: { readonly storage?: string };
  readonly notAfter?: string;
  readonly renewalTime?: string;
  readonly lastScheduleTime?: string;
  readonly lastSuccessfulTime?: string;
  /** Of a backup by CloudNativePG. */
  readonly error?: string;
  readonly loadBalancer?: {
    readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[];
  };
  readonly addresses?: readonly { readonly value?: string }[];
  readonly parents?: readonly { readonly conditions?: readonly StatusCondition[] }[];
}

/** An object of any kind. Which of the fields it has depends on its kind. */
export interface LiveObject extends Omit<ApiObject, "metadata" | "spec" | "status"> {
  readonly metadata: Meta & {
    readonly namespace?: string;
    readonly finalizers?: readonly string[];
  };
  readonly spec?: ApiObject["spec"] & Spec;
  readonly status?: ApiObject["status"] & Status;
  /** Of an EndpointSlice. */
  readonly endpoints?: readonly { readonly conditions?: { readonly ready?: boolean } }[] | null;
  /** Of the configuration of an admission webhook. */
  readonly webhooks?: readonly {
    readonly name: string;
    readonly failurePolicy?: string;
    readonly clientConfig: { readonly service?: ServiceReference };
    readonly namespaceSelector?: Selector;
  }[];
}

/** `Deployment/backend` */
export const nameOf = ({ kind, metadata }: LiveObject) => `${kind}/${metadata.name}`;

/** A condition of an object, whatever its status. */
export const statusOf = ({ status }: LiveObject, type: string): StatusCondition | undefined =>
  status?.conditions?.find((condition) => condition.type === type);

/** Whether a condition is there and true. */
export const isTrue = (object: LiveObject, type: string) =>
  statusOf(object, type)?.status === "True";

/** A condition in words, as evidence. */
export function conditionText({ type, status, reason, message }: StatusCondition): string {
  const said = [reason, message].filter(Boolean).join(": ");
  return `${type} is ${status}${said ? `: ${said}` : ""}`;
}

/** Whether a selector selects an object with these labels. An empty one selects all. */
export function selects(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  labels: Labels = {},
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === "Exists") return value !== undefined;
      if (operator === "DoesNotExist") return value === undefined;
      const isIn = value !== undefined && values.includes(value);
      return operator === "In" ? isIn : !isIn;
    })
  );
}

const SERVICE = "kubernetes.io/service-name";

/** The number of ready endpoints of a Service; undefined where the Service does not exist. */
export function readyEndpoints(
  objects: readonly LiveObject[],
  { namespace, name }: ServiceReference,
): number | undefined {
  const here = objects.filter(({ metadata }) => metadata.namespace === namespace);
  if (!here.some(({ kind, metadata }) => kind === "Service" && metadata.name === name))
    return undefined;
  return here
    .filter(({ kind, metadata }) => kind === "EndpointSlice" && metadata.labels?.[SERVICE] === name)
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false).length;
}

/** The workload that a pod belongs to, through its ReplicaSet; of another object, what has made it. */
export function ownerOf(objects: readonly LiveObject[], owned: LiveObject): string | undefined {
  const ownerUid = (object: LiveObject) =>
    object.metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
  const byUid = (uid: string | undefined) => objects.find(({ metadata }) => metadata.uid === uid);
  const owner = byUid(ownerUid(owned));
  const above = owner?.kind === "ReplicaSet" ? byUid(ownerUid(owner)) : owner;
  return above && nameOf(above);
}
