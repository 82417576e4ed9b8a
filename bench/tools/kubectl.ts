/** The rendered objects, applied by the API server, and a wait for each workload. */
import { CONTEXT, NAMESPACE } from "../stage.ts";
import type { Inputs, Tool } from "./tool.ts";

export const kubectl = ({ folder }: Inputs): Tool => {
  const run = (command: string) => `kubectl --context ${CONTEXT} ${command}`;
  const objects = (variant: string) => `--filename ${folder}/${variant}/objects`;
  const rollout = (workload: string) =>
    run(`--namespace ${NAMESPACE} rollout status ${workload} --timeout 300s`);
  const wait = [
    rollout("statefulset/postgres"),
    run(`--namespace ${NAMESPACE} wait --for condition=Complete job --all --timeout 300s`),
    rollout("deployment/backend"),
    rollout("deployment/frontend"),
  ].join("; ");
  const apply = (variant: string) => `${run(`apply --server-side ${objects(variant)}`)}; ${wait}`;
  return {
    name: "kubectl",
    steps: {
      deploy: apply("base"),
      "no-change": apply("base"),
      // Ends with 1 where anything differs.
      preview: run(`diff --server-side ${objects("base")}`),
      change: apply("changed"),
      destroy: run(`delete ${objects("changed")}`),
    },
  };
};
