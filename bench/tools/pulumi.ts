/** The same stack with the engine alone, as the Automation API of `make up` calls it: without a preview before. */
import { FILE, STAGE } from "../stage.ts";
import type { Inputs, Release, Tool } from "./tool.ts";

export const pulumi = ({ folder }: Inputs): Tool => {
  const run = (command: string, release: Release) =>
    `pulumi ${command} --stack ${STAGE} --config-file ${folder}/${release}/${FILE}`;
  const up = "up --yes --skip-preview";
  return {
    name: "pulumi",
    steps: {
      deploy: run(up, "base"),
      "no-change": run(`${up} --expect-no-changes`, "base"),
      preview: run("preview --expect-no-changes", "base"),
      image: run(up, "image"),
      // Pulumi has no rollback: what is deployed again is the former stage file, with the former digest.
      rollback: run(up, "base"),
      change: run(up, "changed"),
      // The stack protects its volume, and `make down` takes this protection away too.
      destroy: `pulumi state unprotect --all --yes --stack ${STAGE}; ${run("destroy --yes --skip-preview", "base")}`,
    },
  };
};
