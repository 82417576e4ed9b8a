/** Pods that meet the Pod Security Standard "restricted", and the Namespace labels that enforce it. */
import type { types } from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ContainerResources } from "./resources.ts";

/** Oldest minor release supported: that of the preStop hook's `sleep` action, the youngest feature that the stack uses. */
export const OLDEST_KUBERNETES = "1.30";

/** User of the app's images, set in their Dockerfiles. */
export const USER_ID = 10001;

type PodSpec = types.input.core.v1.PodSpec;
type Container = types.input.core.v1.Container;

/**
 * Labels of a Namespace in which the API server refuses any pod that is not "restricted". The profile is that of the oldest
 * Kubernetes supported: an upgrade of the cluster, whose profile may be stricter, then refuses no pod by surprise.
 */
export const RESTRICTED_NAMESPACE_LABELS: Readonly<Record<string, string>> = Object.fromEntries(
  ["enforce", "audit", "warn"].flatMap((mode) => [
    [`pod-security.kubernetes.io/${mode}`, "restricted"],
    [`pod-security.kubernetes.io/${mode}-version`, `v${OLDEST_KUBERNETES}`],
  ]),
);

/** A Secret and its keys: each becomes a file, which the variable `<KEY>_FILE` names. */
export interface SecretFiles {
  readonly name: pulumi.Input<string>;
  readonly keys: readonly string[];
}

/** Size of each writable directory; as much again is left for the container's log. */
const WRITABLE_MEBIBYTES = 64;
const SECRETS_PATH = "/run/secrets/todo-app";

export interface RestrictedPodArgs {
  /** User and group of the image; numeric, so that the kubelet can check `runAsNonRoot` without reading the image. */
  readonly userId: number;
  readonly container: Omit<Container, "securityContext" | "volumeMounts" | "env" | "resources"> & {
    readonly env?: types.input.core.v1.EnvVar[];
    readonly resources: ContainerResources;
  };
  /** Name of the ServiceAccount. */
  readonly serviceAccountName: pulumi.Input<string>;
  /** Files rather than variables: those show up in crash dumps, and reach every child process. @default none */
  readonly secrets?: SecretFiles;
  /** Secret of type kubernetes.io/dockerconfigjson with which the image is pulled. @default none */
  readonly pullSecret?: pulumi.Input<string>;
  /** PriorityClass. @default the cluster's default */
  readonly priorityClassName?: string;
  /** The only directories that the container may write to, each an emptyDir of at most `WRITABLE_MEBIBYTES`. */
  readonly writablePaths: readonly string[];
  /** A claim to mount. @default none */
  readonly data?: {
    readonly claimName: pulumi.Input<string>;
    readonly mountPath: string;
  };
}

/**
 * The resolver's own defaults cost seconds: of two look-ups sent at once from one port, some kernels lose one for 5 s
 * (https://github.com/kubernetes/kubernetes/issues/56903), and a name outside the cluster is tried with 4 suffixes first.
 */
const DNS_OPTIONS = [
  { name: "single-request-reopen" },
  { name: "timeout", value: "2" },
  { name: "ndots", value: "2" },
];

/** `spec` of a one-container pod without privileges, without a token for the API and with a read-only root filesystem. */
export function restrictedPod(args: RestrictedPodArgs): PodSpec {
  const { userId, container, writablePaths, data, secrets } = args;
  const volumeName = (path: string) => `writable${path.replace(/[^a-z0-9]+/g, "-")}`;
  const sizeLimit = `${WRITABLE_MEBIBYTES}Mi`;
  const secretFile = (key: string) => ({ name: `${key}_FILE`, value: `${SECRETS_PATH}/${key}` });
  return {
    automountServiceAccountToken: false,
    serviceAccountName: args.serviceAccountName,
    ...(args.pullSecret && { imagePullSecrets: [{ name: args.pullSecret }] }),
    ...(args.priorityClassName && { priorityClassName: args.priorityClassName }),
    dnsConfig: { options: DNS_OPTIONS },
    // The variables of every Service in the namespace would leak into the app's settings.
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: userId,
      runAsGroup: userId,
      fsGroup: userId,
      // Chown the volume's files once, not on every start: for a large database that takes minutes.
      fsGroupChangePolicy: "OnRootMismatch",
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [
      {
        ...container,
        resources: withStorage(container.resources, writablePaths.length + 1),
        env: [...(container.env ?? []), ...(secrets?.keys.map(secretFile) ?? [])],
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
          privileged: false,
          readOnlyRootFilesystem: true,
        },
        volumeMounts: [
          ...(secrets ? [{ name: "secrets", mountPath: SECRETS_PATH, readOnly: true }] : []),
          ...(data ? [{ name: "data", mountPath: data.mountPath }] : []),
          ...writablePaths.map((path) => ({ name: volumeName(path), mountPath: path })),
        ],
      },
    ],
    volumes: [
      ...(secrets
        ? [{ name: "secrets", secret: { secretName: secrets.name, defaultMode: 0o440 } }]
        : []),
      ...(data ? [{ name: "data", persistentVolumeClaim: { claimName: data.claimName } }] : []),
      ...writablePaths.map((path) => ({ name: volumeName(path), emptyDir: { sizeLimit } })),
    ],
  };
}

/** The node's disk as well is asked for and bounded: a pod that fills it is evicted, not its neighbours. */
function withStorage({ requests, limits }: ContainerResources, directories: number) {
  const storage = { "ephemeral-storage": `${directories * WRITABLE_MEBIBYTES}Mi` };
  return { requests: { ...requests, ...storage }, limits: { ...limits, ...storage } };
}
