/** The pods of the measured stage, as the cluster shows them. */
import type { ServiceName } from "../../config/services.ts";
import { CONTEXT, NAMESPACE, must } from "../stage.ts";

/** The part of a pod that is looked at. */
export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
  };
  readonly status: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime: string;
    }[];
    readonly containerStatuses?: readonly {
      readonly state: { readonly waiting?: { readonly reason?: string } };
    }[];
  };
}

/** Runs kubectl in the namespace of the stage. @returns what it printed */
export const kubectl = (...args: readonly string[]): Promise<string> =>
  must("kubectl", "--context", CONTEXT, "--namespace", NAMESPACE, ...args);

/** The pods of a workload that are not being deleted. */
export async function podsOf(workload: ServiceName | "postgres"): Promise<readonly Pod[]> {
  const label = `app.kubernetes.io/name=${workload}`;
  const list = await kubectl("get", "pods", "--selector", label, "--output", "json");
  const { items } = JSON.parse(list) as { readonly items: readonly Pod[] };
  return items.filter(({ metadata }) => !metadata.deletionTimestamp);
}

const readiness = ({ status }: Pod) =>
  status.conditions?.find(({ type, status }) => type === "Ready" && status === "True");

/** Whether that many pods of a workload are ready. */
export const areReady = async (workload: ServiceName | "postgres", count: number) =>
  (await podsOf(workload)).filter(readiness).length === count;

/** Seconds from the creation of each ready pod until it was ready. Kubernetes notes whole seconds. */
export const secondsToReady = (pods: readonly Pod[]): readonly number[] =>
  pods.flatMap((pod) => {
    const ready = readiness(pod);
    if (!ready) return [];
    const created = Date.parse(pod.metadata.creationTimestamp);
    return [(Date.parse(ready.lastTransitionTime) - created) / 1000];
  });

/** Waits until both services and the database run as they are to. */
export async function rolledOut(): Promise<void> {
  for (const workload of ["statefulset/postgres", "deployment/backend", "deployment/frontend"])
    await kubectl("rollout", "status", workload, "--timeout=180s");
}
