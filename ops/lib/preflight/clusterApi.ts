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
  /** Reads a path of the API, such as `/version`. Never throws. */
  read(path: string): Promise<Reading>;
}

/** The name that `local/` gives its cluster in the kubeconfig. */
const LOCAL_CLUSTER = "todo-app-local";

async function kindOf(context: string): Promise<Cluster["kind"]> {
  const template = "--output=jsonpath={.contexts[0].context.cluster}";
  const view = ["config", "view", "--minify", template] as const;
  const { stdout } = await run(["kubectl", `--context=${context}`, ...view]);
  if (stdout.trim() === LOCAL_CLUSTER) return "local";
  return context === "minikube" ? "minikube" : "other";
}

/** The items of a list; none where the list could not be read. */
export const itemsOf = (reading: Reading): readonly unknown[] =>
  reading.state === "found" ? (reading.object as { items: readonly unknown[] }).items : [];

export async function clusterOf(context: string): Promise<Cluster> {
  const access = ["kubectl", `--context=${context}`, "--request-timeout=5s"] as const;
  const read = async (path: string): Promise<Reading> => {
    const { code, output, stdout } = await run([...access, "get", `--raw=${path}`]);
    if (code === 0) return { state: "found", object: JSON.parse(stdout) as unknown };
    if (output.includes("(NotFound)")) return { state: "absent" };
    return { state: "unknown", reason: output.trim().split("\n").at(-1) ?? "" };
  };
  return { context, kind: await kindOf(context), read };
}
