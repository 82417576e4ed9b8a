/** The rules of the policy pack. Each looks at one resource of the stack and says what is wrong with it. */
import type { Settings } from "./settings.ts";

interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly privileged?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly capabilities?: { readonly drop?: readonly string[] };
  readonly seccompProfile?: { readonly type?: string };
}

interface Container {
  readonly name: string;
  readonly image?: string;
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string>>;
    readonly limits?: Readonly<Record<string, string>>;
  };
  readonly securityContext?: SecurityContext;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

const HOST_KEYS = ["hostNetwork", "hostPID", "hostIPC"] as const;

interface PodSpec extends Readonly<Partial<Record<(typeof HOST_KEYS)[number], boolean>>> {
  readonly securityContext?: SecurityContext;
  readonly initContainers?: readonly Container[];
  readonly containers?: readonly Container[];
  readonly volumes?: readonly { readonly name: string; readonly hostPath?: object }[];
}

interface Metadata {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

interface Spec {
  /** Of a Service. */
  readonly type?: string;
  /** Of what runs pods. */
  readonly template?: { readonly metadata?: Metadata; readonly spec?: PodSpec };
  /** Of a CronJob. */
  readonly jobTemplate?: { readonly spec?: Spec };
}

/** A resource, as the engine hands it to a policy. */
export interface Resource {
  /** The type token, such as `kubernetes:apps/v1:Deployment`. */
  readonly type: string;
  /** The stage, without organisation and project. */
  readonly stage: string;
  /** Whether Pulumi refuses to delete it. */
  readonly protect: boolean;
  /** Its inputs, as far as the rules look at them. Reading a value that is not known before the deploy may throw. */
  readonly props: {
    readonly metadata?: Metadata;
    readonly spec?: Spec;
    readonly data?: Readonly<Record<string, unknown>>;
  };
}

export interface Rule {
  readonly name: string;
  /** What is allowed, in a sentence. */
  readonly description: string;
  /** What is wrong; nothing where the rule is kept. */
  readonly check: (resource: Resource, settings: Settings) => readonly string[];
}

/** The template of the pods that a resource runs; undefined where it runs none. */
function templateOf({ type, props: { spec } }: Resource): Spec["template"] {
  return type.startsWith("kubernetes:") ? (spec?.jobTemplate?.spec ?? spec)?.template : undefined;
}

const podOf = (resource: Resource): PodSpec | undefined => templateOf(resource)?.spec;

function containersOf(resource: Resource): readonly Container[] {
  const pod = podOf(resource);
  return [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])];
}

/** A value that may be unknown before the deploy; then it is checked when the engine knows it. */
function known<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as Error).constructor.name === "UnknownValueError") return undefined;
    throw error;
  }
}

const isDevelopment = ({ stage }: Resource, { developmentStages }: Settings) =>
  developmentStages.includes(stage);

const imagesByDigest: Rule = {
  name: "images-by-digest",
  description:
    "Outside of development, images are named by digest: a tag may be another image tomorrow.",
  check: (resource, settings) => {
    if (isDevelopment(resource, settings)) return [];
    const isAllowed = (image: string) =>
      /@sha256:[0-9a-f]{64}$/.test(image) ||
      settings.taggedImages.some((beginning) => image.startsWith(beginning));
    return containersOf(resource).flatMap((container) => {
      const image = known(() => container.image);
      return image === undefined || isAllowed(image)
        ? []
        : [`container ${container.name} has the image ${image}, which is not a digest`];
    });
  },
};

const allowedRegistries: Rule = {
  name: "allowed-registries",
  description: "Images come from the registries that policy/settings.ts allows.",
  check: (resource, { registries }) =>
    containersOf(resource).flatMap((container) => {
      const image = known(() => container.image);
      return image === undefined ||
        !registries.length ||
        registries.some((each) => image.startsWith(each))
        ? []
        : [`container ${container.name} has the image ${image}; allowed: ${registries.join(", ")}`];
    }),
};

const PROFILES = ["RuntimeDefault", "Localhost"];

/** What is wrong with a container by the restricted profile of Pod Security, and beyond it with its file system. */
function looseness({ name, securityContext: own = {} }: Container, { securityContext }: PodSpec) {
  const seccomp = own.seccompProfile?.type ?? securityContext?.seccompProfile?.type ?? "missing";
  const isNonRoot = own.runAsNonRoot ?? securityContext?.runAsNonRoot ?? false;
  return [
    ...(isNonRoot ? [] : ["runAsNonRoot is not true"]),
    ...(own.allowPrivilegeEscalation === false ? [] : ["allowPrivilegeEscalation is not false"]),
    ...(own.privileged ? ["privileged is true"] : []),
    ...(own.readOnlyRootFilesystem ? [] : ["readOnlyRootFilesystem is not true"]),
    ...(own.capabilities?.drop?.includes("ALL") ? [] : ["capabilities.drop lacks ALL"]),
    ...(PROFILES.includes(seccomp) ? [] : [`seccompProfile is ${seccomp}`]),
  ].map((text) => `container ${name}: ${text}`);
}

const restrictedPods: Rule = {
  name: "restricted-pods",
  description:
    "Pods keep to the restricted profile of Pod Security, and can't write to their image.",
  check: (resource) => {
    const pod = podOf(resource);
    if (!pod) return [];
    const { volumes = [] } = pod;
    return [
      ...HOST_KEYS.filter((key) => pod[key]).map((key) => `${key} is true`),
      ...volumes
        .filter(({ hostPath }) => hostPath)
        .map(({ name }) => `volume ${name} is a hostPath`),
      ...containersOf(resource).flatMap((container) => looseness(container, pod)),
    ];
  },
};

const limits: Rule = {
  name: "limits-are-set",
  description: "Every container requests CPU and memory, and has a limit of memory.",
  check: (resource) =>
    containersOf(resource).flatMap(({ name, resources }) =>
      [
        ...(resources?.requests?.cpu ? [] : ["requests.cpu"]),
        ...(resources?.requests?.memory ? [] : ["requests.memory"]),
        ...(resources?.limits?.memory ? [] : ["limits.memory"]),
      ].map((key) => `container ${name} has no resources.${key}`),
    ),
};

const PUBLIC = ["LoadBalancer", "NodePort"];

const onlyTheRoute: Rule = {
  name: "only-the-route-is-public",
  description:
    "Outside of development, no Service is a LoadBalancer or a NodePort: the route is the one way in.",
  check: (resource, settings) => {
    const { type, props } = resource;
    if (type !== "kubernetes:core/v1:Service" || isDevelopment(resource, settings)) return [];
    const { type: kind = "ClusterIP" } = props.spec ?? {};
    return PUBLIC.includes(kind) ? [`spec.type is ${kind}; allowed: ClusterIP`] : [];
  },
};

/** Names whose values are secret. A name that ends in _FILE or _PATH says where the value is. */
const SECRET_NAME = /(password|passwd|secret|token|api_?key|private_?key)$/i;
/** A URL with a password. */
const SECRET_VALUE = /^[a-z][a-z0-9+.-]*:\/\/[^/@\s:]+:[^/@\s]+@/i;

const isSecret = (name: string, value: unknown): boolean =>
  typeof value === "string" && value !== "" && (SECRET_NAME.test(name) || SECRET_VALUE.test(value));

const noPlainSecrets: Rule = {
  name: "no-plain-secrets",
  description: "Secrets are in Secrets, not in ConfigMaps or in the environment of a container.",
  check: (resource) => {
    const { type, props } = resource;
    const data = type === "kubernetes:core/v1:ConfigMap" ? (props.data ?? {}) : {};
    const variables = containersOf(resource).flatMap(({ name: container, env = [] }) =>
      env
        .filter((variable) =>
          isSecret(
            variable.name,
            known(() => variable.value),
          ),
        )
        .map(({ name }) => `container ${container} has the secret ${name} in its environment`),
    );
    const keys = Object.keys(data).filter((key) =>
      isSecret(
        key,
        known(() => data[key]),
      ),
    );
    return [...keys.map((key) => `data.${key} looks like a secret`), ...variables];
  },
};

const DATA = [
  "kubernetes:core/v1:PersistentVolumeClaim",
  "kubernetes:postgresql.cnpg.io/v1:Cluster",
];

const protectedData: Rule = {
  name: "data-is-protected",
  description:
    "What holds data is protected against removal, in a protected stage the namespace as well.",
  check: ({ type, stage, protect }, { protectedStages }) => {
    const isGuarded =
      DATA.includes(type) ||
      (type === "kubernetes:core/v1:Namespace" && protectedStages.includes(stage));
    return isGuarded && !protect ? ["it is not protected; its option protect must be true"] : [];
  },
};

const LABELS = ["app.kubernetes.io/name", "app.kubernetes.io/part-of"];
const LABELLED = /^kubernetes:.*:(Deployment|StatefulSet|DaemonSet|Job|CronJob|Service)$/;

const lacking = ({ labels = {} }: Metadata = {}, where: string) =>
  LABELS.filter((label) => !(label in labels)).map((label) => `${where} lacks the label ${label}`);

const requiredLabels: Rule = {
  name: "required-labels",
  description: "Workloads, their pods and Services have the labels by which they are found.",
  check: (resource) => {
    const { type, props } = resource;
    if (!LABELLED.test(type)) return [];
    const template = templateOf(resource);
    return [
      ...lacking(props.metadata, "metadata"),
      ...(template ? lacking(template.metadata, "the pod template") : []),
    ];
  },
};

const DEVELOPMENT = "todo-app/development";

const builtImages: Rule = {
  name: "runs-built-images",
  description: "Outside of development, no pod runs sources that can be changed while it runs.",
  check: (resource, settings) => {
    if (isDevelopment(resource, settings)) return [];
    const { annotations = {} } = templateOf(resource)?.metadata ?? {};
    return DEVELOPMENT in annotations
      ? [`the pod template has the annotation ${DEVELOPMENT}, which make dev sets`]
      : [];
  },
};

export const RULES: readonly Rule[] = [
  imagesByDigest,
  allowedRegistries,
  restrictedPods,
  limits,
  onlyTheRoute,
  noPlainSecrets,
  protectedData,
  requiredLabels,
  builtImages,
];
