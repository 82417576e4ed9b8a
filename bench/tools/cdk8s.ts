/** The rendered objects as a program of cdk8s, whose manifest kubectl applies. */
import { applySteps } from "./kubectl.ts";
import type { Inputs, Release, Tool } from "./tool.ts";

export const cdk8s = ({ folder }: Inputs): Tool => {
  const program = `${folder}/cdk8s`;
  const manifest = (release: Release) => `${program}/${release}`;
  return {
    name: "cdk8s",
    prepare: `cp -r bench/modules/cdk8s ${program}; npm ci --prefix ${program} --no-audit --no-fund`,
    steps: applySteps(
      manifest,
      (release) => `node ${program}/main.js ${folder}/${release}/objects ${manifest(release)}`,
    ),
  };
};
