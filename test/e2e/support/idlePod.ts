/** A pod that does nothing, by the standard for restricted pods. */

interface IdlePod {
  readonly name: string;
  /** @default that of the command that creates it */
  readonly namespace?: string;
  /** @default none */
  readonly labels?: Readonly<Record<string, string>>;
  /** What its container requests, and its limits. @default none */
  readonly resources?: object;
}

/** The manifest as JSON. Its image is one that the local cluster always has. */
export const idlePod = ({ resources, ...metadata }: IdlePod): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: {
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        seccompProfile: { type: "RuntimeDefault" },
      },
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: "idle",
          image: "localhost:5000/todo-app-local/pause:1",
          resources,
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  });
