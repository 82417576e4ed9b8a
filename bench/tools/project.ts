/** A Pulumi project in a folder of its own, with a state of its own and the packages of this one. Its lines are bash. */

interface Project {
  /** Makes the folder, the project and a stack without resources. */
  readonly prepare: string;
  /** The line that runs a command of Pulumi for the stack. */
  readonly run: (command: string) => string;
}

/** @param program the text of its index.ts, without single quotes */
export function pulumiProject(folder: string, name: string, program: string): Project {
  const files = {
    "Pulumi.yaml": `name: ${name}\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n`,
    "package.json": `{ "name": "${name}", "type": "module", "main": "index.ts" }\n`,
    "index.ts": program,
  };
  const write = Object.entries(files).map(
    ([file, content]) => `printf %s '${content}' >${folder}/${file}`,
  );
  const run = (command: string) =>
    `PULUMI_BACKEND_URL=file://${folder}/state pulumi --cwd ${folder} ${command} --stack ${name}`;
  const prepare = [
    `mkdir -p ${folder}/state`,
    `ln -s "$PWD/node_modules" ${folder}/node_modules`,
    ...write,
    run("stack init"),
  ].join("; ");
  return { prepare, run };
}
