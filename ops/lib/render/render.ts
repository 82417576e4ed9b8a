/** Renders what a stage declares as YAML, and writes it. Nothing is deployed, and no cluster is asked. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { OperatorError } from "../errors.ts";
import { exportState } from "../state/state.ts";
import {
  passedToProgram,
  shortName,
  stageFile,
  stageValues,
  unknownSecrets,
  type Stage,
} from "../stage.ts";
import { EMPTY, chosenIn } from "./chosen.ts";
import { documentOf, fileNameOf, manifestsOf, type Rendered } from "./manifests.ts";
import { record, type Recorded } from "./record.ts";

/** Each run loads the program anew: it registers its resources while it is loaded. */
let runs = 0;
const program = () => import(`../../../index.ts?render-${runs++}`) as Promise<unknown>;

/** What the objects are based on, where it is less than everything. */
type Note = (text: string) => void;

async function stateOf({ name }: Stage, note: Note) {
  try {
    return await exportState(name);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    note(
      `${error.message}; so generated names end in -new, and images that are built have a tag instead of a digest`,
    );
    return EMPTY;
  }
}

/** What the program registers; a configuration that it rejects is an error for the operator. */
async function registrations(
  { name }: Stage,
  ...[config, chosen]: [Parameters<typeof record>[2], Parameters<typeof record>[3]]
): Promise<readonly Recorded[]> {
  try {
    return (await record(program, shortName(name), config, chosen)).resources;
  } catch (error) {
    if (!pulumi.RunError.isInstance(error)) throw error;
    throw new OperatorError(
      error.message,
      `run what each line says, then: make render STAGE=${name}`,
    );
  }
}

/**
 * The objects that a deploy of a stage would apply.
 *
 * @param note is told what is not known
 */
export async function renderStage(stage: Stage, note: Note): Promise<readonly Rendered[]> {
  stageFile(stage.name, stage.file); // a file that can't be read is an error before the engine is asked
  const [values, state] = await Promise.all([stageValues(stage), stateOf(stage, note)]);
  const unknown = unknownSecrets(values);
  if (unknown.length)
    note(
      `${unknown.join(", ")} can't be decrypted; what follows from a value, such as the port of the database, is the default`,
    );
  const { chosen, unbuilt } = chosenIn(state);
  const resources = await registrations(stage, passedToProgram(values), chosen);
  return manifestsOf(resources, chosen, [...unbuilt]);
}

/** All objects as one stream of YAML documents. */
export const streamOf = (objects: readonly Rendered[]): string =>
  objects.map((object) => `---\n${documentOf(object)}`).join("");

/** The files that `writeFolder` writes. */
const OWN_FILE = /^\d\d-[A-Z][A-Za-z]*\..+\.yaml$/;

/** Writes a file for each object into a folder. Files of an earlier run are removed: their objects may not exist any more. */
export function writeFolder(folder: string, objects: readonly Rendered[]): void {
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(folder).filter((name) => OWN_FILE.test(name)))
    rmSync(join(folder, file));
  for (const object of objects)
    writeFileSync(join(folder, fileNameOf(object)), documentOf(object), { flag: "wx" });
}
