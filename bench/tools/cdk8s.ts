/** The rendered objects as a program of cdk8s, whose manifest kubectl applies. */
import { applySteps } from "./kubectl.ts";
import type { Inputs, Tool } from "./tool.ts";

export const cdk8s = ({ folder }: Inputs): Tool => {
  const program = `${folder}/cdk8s`;
  const manifest = (variant: string) => `${program}/${variant}`;
  return {
    name: "cdk8s",
    prepare: `cp -r bench/modules/cdk8s ${program}; npm ci --prefix ${program} --no-audit --no-fund`,
    steps: applySteps(
      manifest,
      (variant) => `node ${program}/main.js ${folder}/${variant}/objects ${manifest(variant)}`,
    ),
  };
};
