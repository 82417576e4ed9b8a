/** Faults that tests cause in the stage dev, and how each is undone. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { sh } from "../shell.ts";

/** What a fault needs to be undone: called in the reverse order, even if the fault was caused only in part. */
export type Undo = () => Promise<unknown>;

export interface Fault {
  readonly name: string;
  /** The rule whose finding must come first; or, after `can't look: `, the reason. */
  readonly rule: string;
  /** What the first finding must say. @default nothing more */
  readonly says?: RegExp;
  /** Causes the fault. It hands over how to undo each step before that step. */
  readonly cause: (undo: (step: Undo) => void) => Promise<unknown>;
  /** How long until the doctor must name it, in seconds. @default 60 */
  readonly seconds?: number;
  /** Variables for the doctor alone. @default none */
  readonly env?: () => Readonly<Record<string, string>>;
  /** The stage file of the doctor. @default that of dev */
  readonly file?: () => string;
  /** Whether it is caused and undone within some seconds. @default false */
  readonly quick?: boolean;
}

export const NAMESPACE = "todo-app-dev";

/** Runs kubectl in the namespace of dev, or in another one. */
export const kubectl = (args: string, namespace = NAMESPACE) =>
  sh(`kubectl --context minikube --namespace ${namespace} ${args}`);

/** The folder for the files of this run. */
const folder = mkdtempSync(join(tmpdir(), "doctor-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
let files = 0;

/** Writes a file that is deleted when the tests end. @returns its path */
export function file(content: string | object, extension = "json"): string {
  const path = join(folder, `${files++}.${extension}`);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** The API server sets these itself. */
const SERVER_FIELDS = [
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "managedFields",
];

/** An object without what only the API server may set. */
function stateable({ metadata, ...object }: any): object {
  const kept = Object.entries(metadata).filter(([field]) => !SERVER_FIELDS.includes(field));
  return { ...object, status: undefined, metadata: Object.fromEntries(kept) };
}

/** Puts an object back as it was, with the owners of its fields: a deploy must not find other owners than before. */
async function putBack(object: string, saved: any, namespace: string): Promise<void> {
  const { managedFields } = saved.metadata;
  const path = file(stateable(saved));
  const exists = await kubectl(`get ${object} --ignore-not-found --output name`, namespace);
  await kubectl(`${exists ? "replace" : "create"} --filename ${path}`, namespace);
  const owners = file([{ op: "replace", path: "/metadata/managedFields", value: managedFields }]);
  await kubectl(`patch ${object} --type json --patch-file ${owners}`, namespace);
}

/** Saves objects, so that they can be put back after they were changed or deleted. */
export async function saved(...objects: readonly string[]): Promise<Undo> {
  return savedIn(NAMESPACE, ...objects);
}

async function savedIn(namespace: string, ...objects: readonly string[]): Promise<Undo> {
  const before = await Promise.all(
    objects.map(async (object) =>
      JSON.parse(await kubectl(`get ${object} --output json --show-managed-fields`, namespace)),
    ),
  );
  return async () => {
    for (const [index, object] of objects.entries())
      await putBack(object, before[index], namespace);
  };
}

/** A change of one object of dev by a JSON patch. */
export const patched =
  (object: string, ...operations: readonly object[]): Fault["cause"] =>
  async (undo) => {
    undo(await saved(object));
    await kubectl(`patch ${object} --type json --patch-file ${file(operations)}`);
  };

export const replace = (path: string, value: unknown) => ({ op: "replace", path, value });
export const add = (path: string, value: unknown) => ({ op: "add", path, value });

/** Any command that changes one object of dev. */
export const changed =
  (object: string, command: string): Fault["cause"] =>
  async (undo) => {
    undo(await saved(object));
    await kubectl(command);
  };

/** New objects, which are deleted again. */
export const created =
  (...objects: readonly object[]): Fault["cause"] =>
  async (undo) => {
    const path = file({ apiVersion: "v1", kind: "List", items: objects });
    undo(() => kubectl(`delete --filename ${path} --ignore-not-found --wait=false`));
    await kubectl(`create --filename ${path}`);
  };

/** Several of them, one after the other. */
export const all =
  (...causes: readonly Fault["cause"][]): Fault["cause"] =>
  async (undo) => {
    for (const cause of causes) await cause(undo);
  };

/** The name of an auto-named object that a workload uses. */
export const usedBy = (workload: string, path: string) =>
  kubectl(`get ${workload} --output jsonpath='{.spec.template.spec.${path}}'`);

export const metadata = (name: string, more: object = {}) => ({
  name,
  namespace: NAMESPACE,
  ...more,
});

/** A Deployment of another namespace without pods. */
export const scaledIn =
  (namespace: string, deployment: string): Fault["cause"] =>
  async (undo) => {
    undo(async () => {
      await kubectl(`rollout status deployment/${deployment} --timeout 180s`, namespace);
    });
    undo(await savedIn(namespace, `deployment/${deployment}`));
    await kubectl(`scale deployment/${deployment} --replicas 0`, namespace);
  };

/** The folder in which `local/` keeps its cluster. */
export const stateFolder = () =>
  join(process.env.XDG_STATE_HOME ?? join(homedir(), ".local/state"), "todo-app");

/** The Job of the migration with another name and program. */
export async function copiedMigration(name: string, command: readonly string[]): Promise<object> {
  const found = await kubectl("get jobs --selector app.kubernetes.io/name=migration --output json");
  const { metadata: meta, spec } = JSON.parse(found).items[0];
  const [container] = spec.template.spec.containers;
  const labels = meta.labels;
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: metadata(name, { labels }),
    spec: {
      ...spec,
      selector: undefined, // the API server makes a new one
      template: {
        metadata: { labels },
        spec: { ...spec.template.spec, containers: [{ ...container, command }] },
      },
    },
  };
}
