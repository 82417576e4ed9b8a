/** Labels that every object carries, and the two of them that select pods. */

const PART_OF = "todo-app";

/** Selects the pods of one workload. A Deployment's selector is immutable: adding a label here replaces every workload. */
export function selectorLabels(workload: string): Record<string, string> {
  return { "app.kubernetes.io/name": workload, "app.kubernetes.io/part-of": PART_OF };
}

/** Kubernetes' recommended labels for an object that belongs to a workload. */
export function objectLabels(workload: string): Record<string, string> {
  return { ...selectorLabels(workload), "app.kubernetes.io/managed-by": "pulumi" };
}
