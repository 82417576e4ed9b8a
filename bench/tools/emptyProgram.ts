/** A Pulumi program that declares nothing: what the engine, the language host and Node.js cost by themselves. */
import type { Inputs, Tool } from "./tool.ts";

/** The files of the project, which uses the packages of this one. */
const FILES = {
  "Pulumi.yaml": "name: empty\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n",
  "package.json": '{ "name": "empty", "type": "module", "main": "index.ts" }\n',
  "index.ts": "export {};\n",
};

export const emptyProgram = ({ folder }: Inputs): Tool => {
  const project = `${folder}/empty`;
  const write = Object.entries(FILES).map(
    ([name, content]) => `printf %s '${content}' >${project}/${name}`,
  );
  const run = (command: string) =>
    `PULUMI_BACKEND_URL=file://${project}/state pulumi --cwd ${project} ${command} --stack empty`;
  const up = "up --yes --skip-preview";
  return {
    name: "empty program",
    prepare: [
      `mkdir -p ${project}/state`,
      `ln -s "$PWD/node_modules" ${project}/node_modules`,
      ...write,
      run("stack init"),
      run(up),
    ].join("; "),
    steps: {
      "no-change": run(`${up} --expect-no-changes`),
      preview: run("preview --expect-no-changes"),
    },
  };
};
