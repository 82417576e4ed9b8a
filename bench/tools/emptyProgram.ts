/** A Pulumi program that declares nothing: what the engine, the language host and Node.js cost by themselves. */
import { pulumiProject } from "./project.ts";
import type { Inputs, Tool } from "./tool.ts";

export const emptyProgram = ({ folder }: Inputs): Tool => {
  const { prepare, run } = pulumiProject(`${folder}/empty`, "empty", "export {};\n");
  const up = "up --yes --skip-preview";
  return {
    name: "empty program",
    prepare: `${prepare}; ${run(up)}`,
    steps: {
      "no-change": run(`${up} --expect-no-changes`),
      preview: run("preview --expect-no-changes"),
    },
  };
};
