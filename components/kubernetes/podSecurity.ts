/** Pods that meet the Pod Security Standard "restricted", and the Namespace labels that enforce it. */
import type { types } from "@pulumi/kubernetes";

type PodSpec = types.input.core.v1.PodSpec;
type Container = types.input.core.v1.Container;

/** Labels of a Namespace in which the API server refuses any pod that is not "restricted". */
export const RESTRICTED_NAMESPACE_LABELS: Readonly<Record<string, string>> = {
  "pod-security.kubernetes.io/enforce": "restricted",
  "pod-security.kubernetes.io/audit": "restricted",
  "pod-security.kubernetes.io/warn": "restricted",
};

export interface RestrictedPodArgs {
  /** User and group of the image; numeric, so that the kubelet can check `runAsNonRoot` without reading the image. */
  readonly userId: number;
  readonly container: Omit<Container, "securityContext" | "volumeMounts">;
  /** The only directories that the container may write to, each an emptyDir of at most 64 MiB. */
  readonly writablePaths: readonly string[];
  /** A claim to mount. @default none */
  readonly data?: {
    readonly claimName: NonNullable<Container["name"]>;
    readonly mountPath: string;
  };
}

/** `spec` of a one-container pod without privileges, without a token for the API and with a read-only root filesystem. */
export function restrictedPod(args: RestrictedPodArgs): PodSpec {
  const { userId, container, writablePaths, data } = args;
  const volumeName = (path: string) => `writable${path.replace(/[^a-z0-9]+/g, "-")}`;
  return {
    automountServiceAccountToken: false,
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
        securityContext: {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
          privileged: false,
          readOnlyRootFilesystem: true,
        },
        volumeMounts: [
          ...(data ? [{ name: "data", mountPath: data.mountPath }] : []),
          ...writablePaths.map((path) => ({ name: volumeName(path), mountPath: path })),
        ],
      },
    ],
    volumes: [
      ...(data ? [{ name: "data", persistentVolumeClaim: { claimName: data.claimName } }] : []),
      ...writablePaths.map((path) => ({ name: volumeName(path), emptyDir: { sizeLimit: "64Mi" } })),
    ],
  };
}
