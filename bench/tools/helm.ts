/** The rendered objects as the templates of a chart. The release is recorded outside of the namespace that the chart creates. */
import { CONTEXT } from "../stage.ts";
import type { Inputs, Release, Tool } from "./tool.ts";

export const helm = ({ folder }: Inputs): Tool => {
  const run = (command: string) =>
    `${folder}/bin/helm --kube-context ${CONTEXT} --namespace default ${command}`;
  const upgrade = (release: Release, options: string) =>
    run(`upgrade --install bench ${folder}/${release}/chart ${options}`);
  const waiting = "--wait --wait-for-jobs --timeout 5m";
  return {
    name: "helm",
    prepare: `mkdir -p ${folder}/bin; helm=$(bench/build.sh helm helm.sh/helm/v4 cmd/helm); ln -s "$helm"/helm ${folder}/bin/helm`,
    clean: run("uninstall bench --ignore-not-found --wait --timeout 5m"),
    record: `kubectl --context ${CONTEXT} --namespace default get secret --selector owner=helm,name=bench --output 'jsonpath={.items[-1:].data.release}' | base64 --decode`,
    steps: {
      deploy: upgrade("base", waiting),
      "no-change": upgrade("base", waiting),
      // Helm has no difference of its own: this renders, and lets the API server check every object.
      preview: upgrade("base", "--dry-run=server"),
      image: upgrade("image", waiting),
      rollback: run(`rollback bench ${waiting}`),
      change: upgrade("changed", waiting),
      destroy: run("uninstall bench --wait --timeout 5m"),
    },
  };
};
