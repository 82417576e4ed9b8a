/** The commands of this project. */
import { FILE, STAGE } from "../stage.ts";
import type { Inputs, Release, Tool } from "./tool.ts";

export const make = ({ folder }: Inputs): Tool => {
  const run = (target: string) => `make --no-print-directory ${target} STAGE=${STAGE}`;
  const use = (release: Release) => `cp ${folder}/${release}/${FILE} .`;
  return {
    name: "make",
    steps: {
      deploy: `${use("base")}; ${run("up")}`,
      "no-change": run("up"),
      preview: run("preview"),
      image: `${use("image")}; ${run("up")}`,
      rollback: run("rollback"),
      change: `${use("changed")}; ${run("up")}`,
      destroy: run("down"),
    },
  };
};
