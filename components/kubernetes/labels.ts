/** Labels that every object carries, and the two of them that select pods. */

/** Names the workload that an object belongs to. */
export const NAME_LABEL = "app.kubernetes.io/name";
/** Selects everything of the app. */
export const APP_LABELS = { "app.kubernetes.io/part-of": "todo-app" } as const;

/** Selects the pods of one workload. A Deployment's selector is immutable: adding a label here replaces every workload. */
export function selectorLabels(workload: string): Record<string, string> {
  return { [NAME_LABEL]: workload, ...APP_LABELS };
}

/** Kubernetes' recommended labels for an object that belongs to a workload. */
export function objectLabels(workload: string): Record<string, string> {
  return { ...selectorLabels(workload), "app.kubernetes.io/managed-by": "pulumi" };
}
