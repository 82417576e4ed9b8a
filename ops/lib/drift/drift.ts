/**
 * Finds what was changed by hand in the cluster of a stage: fields that the stack has set and that have other values now.
 *
 * What a server-side apply of these fields would change is asked of the API server, in a dry run. It knows defaults, units and
 * how lists are merged. The engine's refresh does not: it misses a rule that was added to a NetworkPolicy.
 */
import { OperatorError } from "../errors.ts";
import { run } from "../run.ts";
import { isObject, type Values } from "../yaml.ts";
import { differences, isDescription, overlay, pathText, type Difference } from "./compare.ts";
import { isScaled, type Deployed, type Manifest } from "./deployed.ts";
import { isProvider, ownerOf, type Owner } from "./owner.ts";

/** A field that has another value than the stack set. A value that is not there is null. */
export interface DriftedField {
  readonly path: string;
  /** Absent where the values may not be shown. */
  readonly expected?: unknown;
  readonly actual?: unknown;
  /** Whether the values may not be shown. */
  readonly secret: boolean;
  /** Who wrote the value; null where nobody owns the field, for example because it was removed. */
  readonly owner: Owner | null;
}

/** An object that differs from what the stack set. */
export interface DriftedObject {
  readonly kind: string;
  readonly name: string;
  /** Whether the object does not exist any more. */
  readonly gone: boolean;
  /** Whether the object holds the data of the database. */
  readonly holdsData: boolean;
  readonly fields: readonly DriftedField[];
}

/** An object that differs, with what is needed to put it back. */
export interface Drifted extends DriftedObject {
  readonly deployed: Deployed;
}

/** The difference alone, which may be shown: what puts it back has secrets. */
export const differenceOf = ({ kind, name, gone, holdsData, fields }: Drifted): DriftedObject => ({
  kind,
  name,
  gone,
  holdsData,
  fields,
});

/** Under another name than that of the provider, a dry run can't be taken for an apply of the stack. */
const MANAGER = "todo-app-drift";

/** What the API server says of an object that it refuses for its content. */
const REFUSED = /\bis invalid\b|\(Invalid\)/;

const kubectl = (context: string, command: readonly string[], input: unknown) =>
  run(
    ["kubectl", `--context=${context}`, "--request-timeout=30s", ...command],
    JSON.stringify(input),
  );

function failure(context: string, what: string, output: string): OperatorError {
  return new OperatorError(
    `${what}: ${output.trim().split("\n").at(-1)}`,
    `the credentials of context "${context}" must be allowed to get and to patch every object of the stage`,
  );
}

const keyOf = ({ apiVersion, kind, metadata: { name, namespace = "" } }: Manifest) =>
  [apiVersion.split("/").slice(0, -1).join(), kind, namespace, name].join(" ");

/** The live objects with their managed fields, by their identity. */
async function liveObjects(context: string, deployed: readonly Deployed[]) {
  const items = deployed.map(({ manifest: { apiVersion, kind, metadata } }) => {
    const { name, namespace } = metadata;
    return { apiVersion, kind, metadata: { name, namespace } };
  });
  const get = ["get", "--filename=-", "--ignore-not-found", "--show-managed-fields"];
  const list = { apiVersion: "v1", kind: "List", items };
  const { code, stdout, output } = await kubectl(context, [...get, "--output=json"], list);
  if (code !== 0) throw failure(context, "the objects of the stage can't be read", output);
  const found = (stdout.trim() ? JSON.parse(stdout) : { items: [] }) as Values;
  const objects = (Array.isArray(found.items) ? found.items : [found]) as readonly Manifest[];
  return new Map(objects.map((object) => [keyOf(object), object]));
}

/** Applies an object as the stack set it. @returns the object after that, undefined where the API server refuses it */
async function apply(
  context: string,
  manifest: Manifest,
  ...options: readonly string[]
): Promise<Manifest | undefined> {
  const command = ["apply", "--server-side", "--force-conflicts", "--validate=ignore"];
  const line = [...command, ...options, "--filename=-", "--output=json"];
  const { code, stdout, output } = await kubectl(context, line, manifest);
  if (code === 0) return JSON.parse(stdout) as Manifest;
  if (REFUSED.test(output)) return undefined;
  const what = `${manifest.kind} ${manifest.metadata.name} can't be compared`;
  throw failure(context, what, output);
}

function fieldOf(live: Manifest, secret: boolean, { path, expected, actual }: Difference) {
  const owner = ownerOf(live, path);
  const values = secret ? {} : { expected: expected ?? null, actual: actual ?? null };
  return { path: pathText(path), ...values, secret, owner };
}

/**
 * What an autoscaler has set stays: the stack set only the number of pods of the first rollout. Without the number, an apply leaves
 * it to the autoscaler. As long as the stack alone owns it, an apply without it would set it to 1.
 */
function withoutReplicas(manifest: Manifest, live: Manifest): Manifest {
  if (!isObject(manifest.spec) || !isObject(live.spec)) return manifest;
  const owner = ownerOf(live, ["spec", "replicas"]);
  const isStack = !owner || isProvider(owner);
  const replicas = isStack ? live.spec.replicas : undefined; // JSON leaves out what is undefined
  return { ...manifest, spec: { ...manifest.spec, replicas } };
}

async function compare(
  context: string,
  deployed: Deployed,
  live: Manifest,
): Promise<readonly DriftedField[]> {
  const { manifest, secret } = deployed;
  const set = overlay(live, manifest);
  if (!differences(live, set).filter(isDescription).length) return [];
  const options = ["--dry-run=server", `--field-manager=${MANAGER}`, "--show-managed-fields"];
  const applied = (await apply(context, manifest, ...options)) ?? set;
  return differences(live, applied)
    .filter(isDescription)
    .map((difference) => fieldOf(live, secret, difference));
}

/** The objects of a stage that differ from what its stack set. Nothing is changed. */
export async function findDrift(
  context: string,
  deployed: readonly Deployed[],
): Promise<readonly Drifted[]> {
  if (!deployed.length) return [];
  const live = await liveObjects(context, deployed);
  const compared = deployed.map(async (each): Promise<Drifted> => {
    const { kind, metadata } = each.manifest;
    const object = live.get(keyOf(each.manifest));
    const identity = { kind, name: metadata.name, holdsData: each.holdsData };
    if (!object) return { ...identity, gone: true, fields: [], deployed: each };
    const manifest = isScaled(deployed, each.manifest)
      ? withoutReplicas(each.manifest, object)
      : each.manifest;
    const expected = { ...each, manifest };
    const fields = await compare(context, expected, object);
    return { ...identity, gone: false, fields, deployed: expected };
  });
  return (await Promise.all(compared)).filter(({ gone, fields }) => gone || fields.length);
}

/** Puts back the fields of an object that exists, under the name of the provider. */
export async function putBack(context: string, { deployed }: Drifted): Promise<void> {
  const { manifest, fieldManager } = deployed;
  if (await apply(context, manifest, `--field-manager=${fieldManager}`)) return;
  throw new OperatorError(
    `${manifest.kind} ${manifest.metadata.name} can't be put back: the API server refuses what the stack sets`,
    `kubectl --context ${context} get ${manifest.kind} ${manifest.metadata.name} --output yaml shows what it has`,
  );
}
