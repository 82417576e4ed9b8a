/** Objects in files, applied by the API server, and a wait for each workload. */
import { CONTEXT, NAMESPACE } from "../stage.ts";
import type { Inputs, Tool } from "./tool.ts";

const run = (command: string) => `kubectl --context ${CONTEXT} ${command}`;

const rollout = (workload: string) =>
  run(`--namespace ${NAMESPACE} rollout status ${workload} --timeout 300s`);

const WAIT = [
  rollout("statefulset/postgres"),
  run(`--namespace ${NAMESPACE} wait --for condition=Complete job --all --timeout 300s`),
  rollout("deployment/backend"),
  rollout("deployment/frontend"),
].join("; ");

/** The steps for the files of a variant, which a line may have to write first. */
export function applySteps(
  files: (variant: string) => string,
  write?: (variant: string) => string,
): Tool["steps"] {
  const withFiles = (variant: string, command: string) =>
    [...(write ? [write(variant)] : []), run(`${command} --filename ${files(variant)}`)].join("; ");
  const apply = (variant: string) => `${withFiles(variant, "apply --server-side")}; ${WAIT}`;
  return {
    deploy: apply("base"),
    "no-change": apply("base"),
    // Ends with 1 where anything differs.
    preview: withFiles("base", "diff --server-side"),
    change: apply("changed"),
    destroy: run(`delete --filename ${files("changed")}`),
  };
}

export const kubectl = ({ folder }: Inputs): Tool => ({
  name: "kubectl",
  steps: applySteps((variant) => `${folder}/${variant}/objects`),
});
