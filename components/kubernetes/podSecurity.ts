/** Pods that meet the Pod Security Standard "restricted", and the Namespace labels that enforce it. */
import type { types } from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ContainerResources } from "./resources.ts";

/**
 * Oldest supported minor release of Kubernetes: the one that enabled the newest feature that the stack uses, the
 * `sleep` action of preStop hooks.
 */
export const OLDEST_KUBERNETES = "1.30";

/** User of the app's images, set in their Dockerfiles. */
export const USER_ID = 10001;

type PodSpec = types.input.core.v1.PodSpec;
type Container = types.input.core.v1.Container;

/**
 * Labels that make the API server refuse any pod of the Namespace that is not "restricted". They pin the profile to the
 * oldest supported Kubernetes: otherwise an upgrade of the cluster, whose profile may be stricter, could refuse pods.
 */
export const RESTRICTED_NAMESPACE_LABELS: Readonly<Record<string, string>> = Object.fromEntries(
  ["enforce", "audit", "warn"].flatMap((mode) => [
    [`pod-security.kubernetes.io/${mode}`, "restricted"],
    [`pod-security.kubernetes.io/${mode}-version`, `v${OLDEST_KUBERNETES}`],
  ]),
);

/** A Secret and its keys. Each key becomes a file, whose path the environment variable `<KEY>_FILE` contains. */
export interface SecretFiles {
  readonly name: pulumi.Input<string>;
  readonly keys: readonly string[];
}

/** Size of a writable directory in MiB, unless it states its own; the container's log gets the same. */
const WRITABLE_MEBIBYTES = 64;
const SECRETS_PATH = "/run/secrets/todo-app";
/** Begins the names of the volumes of the container that runs first. */
const BEFORE = "before-";

/** A directory that a container may write to: its path, or also its size in MiB. */
export type WritablePath = string | { readonly path: string; readonly mebibytes: number };

/** A volume of the pod's own, which is deleted with the pod. */
interface OwnVolume {
  /** Its size, such as `1Gi`. */
  readonly storage: string;
  /** @default the cluster's default StorageClass */
  readonly storageClassName?: string;
}

/** A container of a restricted pod, and what no other container of the pod sees. */
export interface RestrictedContainerArgs {
  readonly container: Omit<Container, "securityContext" | "volumeMounts" | "env" | "resources"> & {
    readonly env?: types.input.core.v1.EnvVar[];
    readonly resources: ContainerResources;
  };
  /**
   * Secret to mount as files. Environment variables would show up in crash dumps and reach every child process.
   * @default none
   */
  readonly secrets?: SecretFiles;
}

export interface RestrictedPodArgs extends RestrictedContainerArgs {
  /** User and group of the image; numeric, so that the kubelet can check `runAsNonRoot` without reading the image. */
  readonly userId: number;
  /** Name of the ServiceAccount. */
  readonly serviceAccountName: pulumi.Input<string>;
  /**
   * Container that must succeed before the other one starts. It has the same `data` and `programs`, but secrets and
   * writable directories of its own.
   * @default none
   */
  readonly before?: RestrictedContainerArgs;
  /** Secret of type kubernetes.io/dockerconfigjson with which the image is pulled. @default none */
  readonly pullSecret?: pulumi.Input<string>;
  /** PriorityClass. @default the cluster's default */
  readonly priorityClassName?: string;
  /** The only directories that the container may write to, each an emptyDir; 64 MiB unless it states its size. */
  readonly writablePaths: readonly WritablePath[];
  /** Volume to mount: that of a PersistentVolumeClaim, or one of the pod's own. @default none */
  readonly data?: ({ readonly claimName: pulumi.Input<string> } | OwnVolume) & {
    readonly mountPath: string;
    /** Whether the container only reads it; `before` may write. @default false */
    readonly readOnly?: boolean;
  };
  /** ConfigMap whose keys become files that the container can run. @default none */
  readonly programs?: { readonly name: pulumi.Input<string>; readonly mountPath: string };
  /** Another volume of the pod's own, for `container` alone. @default none */
  readonly scratch?: OwnVolume & { readonly mountPath: string };
}

/**
 * Options for the resolver, whose defaults cost seconds. Of two queries that are sent at once from one port, some
 * kernels lose one, and the resolver waits 5 s for it (https://github.com/kubernetes/kubernetes/issues/56903). A name
 * outside the cluster is first tried with 4 suffixes.
 */
const DNS_OPTIONS = [
  { name: "single-request-reopen" },
  { name: "timeout", value: "2" },
  { name: "ndots", value: "2" },
];

const volumeName = (path: string) => `writable${path.replace(/[^a-z0-9]+/g, "-")}`;

const sized = (directory: WritablePath) =>
  typeof directory === "string" ? { path: directory, mebibytes: WRITABLE_MEBIBYTES } : directory;

/**
 * A container without privileges and with a read-only root filesystem.
 *
 * @param own begins the names of the volumes that no other container has
 */
function restrictedContainer(
  { container, secrets }: RestrictedContainerArgs,
  { data, programs, scratch, writablePaths }: Omit<RestrictedPodArgs, "container" | "secrets">,
  own = "",
) {
  const secretFile = (key: string) => ({ name: `${key}_FILE`, value: `${SECRETS_PATH}/${key}` });
  const readOnly = { readOnly: true };
  return {
    ...container,
    resources: withStorage(container.resources, writablePaths),
    env: [...(container.env ?? []), ...(secrets?.keys.map(secretFile) ?? [])],
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      privileged: false,
      readOnlyRootFilesystem: true,
    },
    volumeMounts: [
      ...(secrets ? [{ name: `${own}secrets`, mountPath: SECRETS_PATH, ...readOnly }] : []),
      ...(data
        ? [{ name: "data", mountPath: data.mountPath, ...(data.readOnly && readOnly) }]
        : []),
      ...(programs ? [{ name: "programs", mountPath: programs.mountPath, ...readOnly }] : []),
      ...(scratch ? [{ name: "scratch", mountPath: scratch.mountPath }] : []),
      ...writablePaths
        .map(sized)
        .map(({ path }) => ({ name: `${own}${volumeName(path)}`, mountPath: path })),
    ],
  };
}

/** The volumes that one container of a pod has for itself. */
function volumesOf({ secrets }: RestrictedContainerArgs, paths: readonly WritablePath[], own = "") {
  return {
    secrets: secrets
      ? [{ name: `${own}secrets`, secret: { secretName: secrets.name, defaultMode: 0o440 } }]
      : [],
    writable: paths.map(sized).map(({ path, mebibytes }) => ({
      name: `${own}${volumeName(path)}`,
      emptyDir: { sizeLimit: `${mebibytes}Mi` },
    })),
  };
}

/** `spec` of a pod without privileges, without a token for the API and with a read-only root filesystem. */
export function restrictedPod(args: RestrictedPodArgs): PodSpec {
  const { userId, before, data, programs, scratch, writablePaths } = args;
  const own = volumesOf(args, writablePaths);
  const others = before && volumesOf(before, writablePaths, BEFORE);
  return {
    automountServiceAccountToken: false,
    serviceAccountName: args.serviceAccountName,
    ...(args.pullSecret && { imagePullSecrets: [{ name: args.pullSecret }] }),
    ...(args.priorityClassName && { priorityClassName: args.priorityClassName }),
    dnsConfig: { options: DNS_OPTIONS },
    // No environment variables for every Service of the namespace: they would mix with the app's settings.
    enableServiceLinks: false,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: userId,
      runAsGroup: userId,
      fsGroup: userId,
      // Change the owner of the volume's files only once, not on every start: with a large database that takes minutes.
      fsGroupChangePolicy: "OnRootMismatch",
      seccompProfile: { type: "RuntimeDefault" },
    },
    ...(before && {
      initContainers: [
        restrictedContainer(
          before,
          { ...args, data: data && { ...data, readOnly: false }, scratch: undefined },
          BEFORE,
        ),
      ],
    }),
    containers: [restrictedContainer(args, args)],
    volumes: [
      ...own.secrets,
      ...(others?.secrets ?? []),
      ...(data ? [dataVolume(data)] : []),
      ...(programs
        ? [{ name: "programs", configMap: { name: programs.name, defaultMode: 0o555 } }]
        : []),
      ...(scratch ? [ownVolume("scratch", scratch)] : []),
      ...own.writable,
      ...(others?.writable ?? []),
    ],
  };
}

const dataVolume = (data: NonNullable<RestrictedPodArgs["data"]>) =>
  "claimName" in data
    ? { name: "data", persistentVolumeClaim: { claimName: data.claimName } }
    : ownVolume("data", data);

function ownVolume(name: string, { storage, storageClassName }: OwnVolume) {
  const spec = {
    accessModes: ["ReadWriteOnce"],
    resources: { requests: { storage } },
    ...(storageClassName && { storageClassName }),
  };
  return { name, ephemeral: { volumeClaimTemplate: { spec } } };
}

/**
 * Adds a request and a limit for the node's disk: a pod that fills the disk is then evicted itself, and not its
 * neighbours.
 */
function withStorage({ requests, limits }: ContainerResources, writable: readonly WritablePath[]) {
  const mebibytes = writable.reduce((sum, each) => sum + sized(each).mebibytes, WRITABLE_MEBIBYTES);
  const storage = { "ephemeral-storage": `${mebibytes}Mi` };
  return { requests: { ...requests, ...storage }, limits: { ...limits, ...storage } };
}
