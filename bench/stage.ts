/** The stage that is measured: the settings of dev with a host of its own, and the images that dev runs, so that none is built. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { OperatorError } from "../ops/lib/errors.ts";
import { run } from "../ops/lib/run.ts";
import { isObject, readYaml, type Values } from "../ops/lib/yaml.ts";
import { relabelled } from "./registry.ts";
import { RELEASES, type Release } from "./tools/tool.ts";

export const STAGE = "bench";
export const FILE = `Pulumi.${STAGE}.yaml`;
export const NAMESPACE = `todo-app-${STAGE}`;
export const CONTEXT = "minikube";

/** Where the images of dev are, by service. */
export type Images = Readonly<Record<string, string>>;

/** Runs a program, which must succeed. @returns what it printed on standard output */
export async function must(...command: [string, ...string[]]): Promise<string> {
  const { code, output, stdout } = await run(command);
  if (code !== 0) throw new Error(`"${command.join(" ")}" ended with ${code}:\n${output}`);
  return stdout;
}

/** Runs make for the stage. */
export const make = (...args: readonly string[]) =>
  must("make", "--no-print-directory", ...args, `STAGE=${STAGE}`);

/** The images that dev runs, by digest. */
export async function imagesOfDev(): Promise<Images> {
  const command = ["pulumi", "stack", "output", "images", "--json", "--stack", "dev"] as const;
  const { code, output, stdout } = await run(command);
  if (code === 0) return JSON.parse(stdout) as Images;
  throw new OperatorError(
    `the images of dev are not known: ${output.trim()}`,
    "make up CLUSTER=local",
  );
}

/**
 * The stage file with this number of pods of the backend. What the engine has added to it stays.
 *
 * @param changes settings in the place of these @default none
 */
export function stageFile(images: Images, replicas: number, changes: Values = {}): string {
  const { config = {} } = readYaml("Pulumi.dev.yaml");
  const registry = config["todo-app:images"] as Values;
  const written: Values = existsSync(FILE) ? readYaml(FILE) : {};
  return stringify({
    ...written,
    config: {
      ...config,
      "todo-app:host": `${STAGE}.todo-app.local`,
      // Make makes preflight by itself; the steps of Pulumi are those of the engine alone.
      "todo-app:preflight": false,
      "todo-app:images": { ...registry, ...images },
      "todo-app:backend": { replicas },
      ...changes,
    },
  });
}

/** Gives the rendered Secrets of a folder the values that the deployed ones have. */
async function fillSecrets(folder: string): Promise<void> {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    const object = parse(readFileSync(file, "utf8"), { version: "1.1" }) as Values;
    if (object.kind !== "Secret" || !isObject(object.metadata)) continue;
    const place = ["--context", CONTEXT, "--namespace", NAMESPACE];
    const secret = ["get", "secret", String(object.metadata.name), "--output", "json"];
    const { data } = JSON.parse(await must("kubectl", ...place, ...secret)) as Values;
    writeFileSync(file, JSON.stringify({ ...object, data })); // JSON is YAML in which every text has quotes
  }
}

/** Makes a chart whose templates are the rendered objects. */
function writeChart(chart: string, objects: string): void {
  mkdirSync(join(chart, "templates"), { recursive: true });
  const about = { apiVersion: "v2", name: STAGE, version: "1.0.0" };
  writeFileSync(join(chart, "Chart.yaml"), stringify(about));
  for (const name of readdirSync(objects)) {
    const text = readFileSync(join(objects, name), "utf8");
    writeFileSync(join(chart, "templates", name), text.replaceAll("{{", '{{ "{{" }}'));
  }
}

/** The kinds of the objects that differ between two folders. */
function differing(one: string, other: string): readonly string[] {
  const names = [...new Set([...readdirSync(one), ...readdirSync(other)])].filter((name) => {
    const [before, after] = [join(one, name), join(other, name)].map((file) =>
      existsSync(file) ? readFileSync(file, "utf8") : undefined,
    );
    return before !== after;
  });
  return [...new Set(names.map((name) => /^\d+-(\w+)\./.exec(name)![1]!))];
}

/**
 * What a release is: its images, the pods of its backend, and the kinds of the objects that are to differ from the first one's. A Job can't
 * get another image, so one of another name comes with it.
 */
const releasesOf = (images: Images, other: string) =>
  ({
    base: { images, replicas: 2, kinds: "" },
    image: { images: { ...images, backend: other }, replicas: 2, kinds: "Job,Deployment" },
    changed: { images, replicas: 3, kinds: "Deployment" },
  }) satisfies Record<Release, object>;

/** Writes what the tools deploy, each release into the folder of its name. @param other another image of the backend */
async function writeInputs(folder: string, images: Images, other: string): Promise<void> {
  const releases = releasesOf(images, other);
  for (const release of RELEASES) {
    const { images, replicas, kinds } = releases[release];
    const [file, objects] = [FILE, "objects"].map((name) => join(folder, release, name));
    mkdirSync(join(folder, release));
    writeFileSync(file!, stageFile(images, replicas));
    await must("node", "ops/render.ts", STAGE, file!, objects!);
    await fillSecrets(objects!);
    writeChart(join(folder, release, "chart"), objects!);
    const found = differing(join(folder, RELEASES[0], "objects"), objects!).join();
    if (found !== kinds)
      throw new Error(`${release} is to differ in "${kinds}", and differs in "${found}"`);
  }
}

/** Waits until nothing of the stage is left in the cluster, as a line of bash. */
export const UNTIL_GONE = `kubectl --context ${CONTEXT} wait --for=delete namespace/${NAMESPACE} --timeout=300s`;

/** Waits until nothing of the stage is left in the cluster. */
export const untilGone = () => must("bash", "-c", UNTIL_GONE);

/** Removes the stage with its stack, also what an earlier run has left. */
export async function removeStage(images: Images): Promise<void> {
  if (!existsSync(FILE)) writeFileSync(FILE, stageFile(images, 2));
  await make("down", "ARGS=--remove");
  const namespace = ["delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=300s"];
  await must("kubectl", "--context", CONTEXT, ...namespace);
  rmSync(FILE, { force: true });
}

/**
 * Deploys the stage once with the stack, writes the same objects for every tool, and removes them again after a release with the
 * other image and a pod for each node, so that the nodes have all images. The stack stays, without resources, as each tool but
 * Pulumi also begins without a record.
 *
 * @returns the size of the deployed stage's state in bytes, as JSON without blanks, which is how a backend keeps it
 */
export async function prepareStage(folder: string, images: Images): Promise<number> {
  const other = await relabelled(images.backend!, "bench");
  writeFileSync(FILE, stageFile(images, 2));
  await make("up");
  await writeInputs(folder, images, other);
  const state = await must("pulumi", "stack", "export", "--stack", STAGE);
  writeFileSync(FILE, stageFile({ ...images, backend: other }, 3));
  await make("up");
  await make("down");
  await untilGone();
  cpSync(join(folder, RELEASES[0], FILE), FILE);
  return Buffer.byteLength(JSON.stringify(JSON.parse(state)));
}
