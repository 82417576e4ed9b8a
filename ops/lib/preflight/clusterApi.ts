/** Reads a cluster's API with the credentials that a deploy uses. */
import { run } from "../run.ts";

/** An object of the API. Or the answer that it does not exist, or the reason why that is not known. */
export type Reading =
  | { readonly state: "found"; readonly object: unknown }
  | { readonly state: "absent" }
  | { readonly state: "unknown"; readonly reason: string };

export interface Cluster {
  readonly context: string;
  /** Who installs add-ons: `local/`, Minikube, or the cluster's administrator. */
  readonly kind: "local" | "minikube" | "other";
  /** What Minikube calls the cluster. @default "minikube" */
  readonly profile?: string;
  /** Reads a path of the API, such as `/version`. Never throws. */
  read(path: string): Promise<Reading>;
}

/** The name that `local/` gives its cluster in the kubeconfig. */
const LOCAL_CLUSTER = "todo-app-local";

/** The items of a list; none where the list could not be read. */
export const itemsOf = (reading: Reading): readonly unknown[] =>
  reading.state === "found" ? (reading.object as { items: readonly unknown[] }).items : [];

interface Labelled {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
}

/** Minikube labels its nodes with its name for the cluster. Where they can't be read, only the usual name of its context tells. */
async function kindOf(
  context: string,
  read: Cluster["read"],
): Promise<Pick<Cluster, "kind" | "profile">> {
  const template = "--output=jsonpath={.contexts[0].context.cluster}";
  const [{ stdout }, nodes] = await Promise.all([
    run(["kubectl", `--context=${context}`, "config", "view", "--minify", template]),
    read("/api/v1/nodes?limit=1"),
  ]);
  if (stdout.trim() === LOCAL_CLUSTER) return { kind: "local" };
  const [node] = itemsOf(nodes) as readonly Labelled[];
  const profile = node?.metadata.labels?.["minikube.k8s.io/name"];
  if (profile || context === "minikube") return { kind: "minikube", profile };
  return { kind: "other" };
}

/** The same cluster, of which each path is read once: for checks that are made at the same moment. */
export function readOnce(cluster: Cluster): Cluster {
  const readings = new Map<string, Promise<Reading>>();
  const read = (path: string): Promise<Reading> => {
    const reading = readings.get(path) ?? cluster.read(path);
    readings.set(path, reading);
    return reading;
  };
  return { ...cluster, read };
}

export async function clusterOf(context: string): Promise<Cluster> {
  const access = ["kubectl", `--context=${context}`, "--request-timeout=5s"] as const;
  const read = async (path: string): Promise<Reading> => {
    const { code, output, stdout } = await run([...access, "get", `--raw=${path}`]);
    if (code === 0) return { state: "found", object: JSON.parse(stdout) as unknown };
    if (output.includes("(NotFound)")) return { state: "absent" };
    return { state: "unknown", reason: output.trim().split("\n").at(-1) ?? "" };
  };
  return { context, ...(await kindOf(context, read)), read };
}
