/** The recorder of `make render`, in an environment that is the same on every machine. */
import type * as pulumi from "@pulumi/pulumi";
import type { Recorded } from "../../../ops/lib/render/record.ts";

export { isSecret, record, redact, type Recorded } from "../../../ops/lib/render/record.ts";

// The SDK adds KUBECONFIG to a provider's inputs if the program states no kubeconfig. It is set here so that a golden
// file shows it in that case, and the test fails.
process.env.KUBECONFIG = "/home/operator/.kube/config";

// The settings of the local cluster leave out the digests of images.
delete process.env.TODO_APP_IMAGE_DIGESTS;

/** The value of an output. */
export const valueOf = <T>(output: pulumi.Output<T>) =>
  new Promise<T>((resolve) => void output.apply((known) => resolve(known)));

/** The registrations of one kind, such as "Deployment". */
export const find = (resources: readonly Recorded[], kind: string) =>
  resources.filter(({ type }) => type.split(":").pop() === kind);
