/** The commands of this project. */
import { FILE, STAGE } from "../stage.ts";
import type { Inputs, Tool } from "./tool.ts";

export const make = ({ folder }: Inputs): Tool => {
  const run = (target: string) => `make --no-print-directory ${target} STAGE=${STAGE}`;
  const use = (variant: string) => `cp ${folder}/${variant}/${FILE} .`;
  return {
    name: "make",
    steps: {
      deploy: `${use("base")}; ${run("up")}`,
      "no-change": run("up"),
      preview: run("preview"),
      change: `${use("changed")}; ${run("up")}`,
      destroy: run("down"),
    },
  };
};
