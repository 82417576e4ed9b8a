/** Objects in files, applied by the API server, and a wait for each workload. */
import { CONTEXT, NAMESPACE } from "../stage.ts";
import type { Inputs, Release, Tool } from "./tool.ts";

const run = (command: string) => `kubectl --context ${CONTEXT} ${command}`;

const rollout = (workload: string) =>
  run(`--namespace ${NAMESPACE} rollout status ${workload} --timeout 300s`);

/** Waits until all workloads are ready and the migration is done. */
export const WAIT = [
  rollout("statefulset/postgres"),
  run(`--namespace ${NAMESPACE} wait --for condition=Complete job --all --timeout 300s`),
  rollout("deployment/backend"),
  rollout("deployment/frontend"),
].join("; ");

/** The steps for the files of a release, which a line may have to write first. For a rollback, the files are there already and are not written again. */
export function applySteps(
  files: (release: Release) => string,
  write?: (release: Release) => string,
): Tool["steps"] {
  const withFiles = (command: string, release: Release) =>
    run(`${command} --filename ${files(release)}`);
  const written = (command: string, release: Release) =>
    [...(write ? [write(release)] : []), withFiles(command, release)].join("; ");
  const apply = (release: Release) => `${written("apply --server-side", release)}; ${WAIT}`;
  return {
    deploy: apply("base"),
    "no-change": apply("base"),
    // Ends with 1 where anything differs.
    preview: written("diff --server-side", "base"),
    image: apply("image"),
    rollback: `${withFiles("apply --server-side", "base")}; ${WAIT}`,
    change: apply("changed"),
    destroy: withFiles("delete", "changed"),
  };
}

export const kubectl = ({ folder }: Inputs): Tool => ({
  name: "kubectl",
  steps: applySteps((release) => `${folder}/${release}/objects`),
});
