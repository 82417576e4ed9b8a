/** The objects that a stage declares, as Kubernetes manifests without any secret value. */
import { stringify } from "yaml";
import { isObject, type Values } from "../yaml.ts";
import { redact, type Chosen, type Recorded } from "./record.ts";

/** An object in the form that `kubectl` takes. */
export interface Manifest extends Values {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Values & { readonly name: string };
}

/** An object to write. */
export interface Rendered {
  readonly manifest: Manifest;
  /** Lines for those who read it, such as the keys of a Secret. */
  readonly comments: readonly string[];
}

/** What an object needs comes before it, as `kubectl apply` takes them in order. Kinds that are not here come last. */
const ORDER = [
  "Namespace",
  "ResourceQuota",
  "LimitRange",
  "NetworkPolicy",
  "ServiceAccount",
  "Secret",
  "ConfigMap",
  "PersistentVolumeClaim",
  "Service",
  "StatefulSet",
  "Job",
  "Deployment",
  "HorizontalPodAutoscaler",
  "PodDisruptionBudget",
  "Issuer",
  "Certificate",
  "Ingress",
];
const LAST = 99;

const rankOf = ({ kind }: Manifest) => (ORDER.includes(kind) ? ORDER.indexOf(kind) : LAST);
const keyOf = (manifest: Manifest) =>
  `${String(rankOf(manifest)).padStart(2, "0")}-${manifest.kind}.${manifest.metadata.name}`;

/** The object without the field at a path such as `spec.replicas`. */
function without(value: Values, [key = "", ...rest]: readonly string[]): Values {
  const inner = value[key];
  if (rest.length)
    return isObject(inner) ? { ...value, [key]: without(inner, rest) } : { ...value };
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
}

/** The value without its empty lists: the API server stores none, and `kubectl diff` would show a change. */
function withoutEmptyLists(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmptyLists);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, inner]) => !Array.isArray(inner) || inner.length);
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutEmptyLists(inner)]));
}

/** The keys of a Secret. */
const keysOf = ({ data, stringData }: Values): readonly string[] =>
  [data, stringData].flatMap((part) => (isObject(part) ? Object.keys(part) : [])).sort();

/** What the cluster gets of a resource, without secrets. */
function objectOf(resource: Recorded, { isDeployed, nameOf }: Chosen): Manifest {
  // What is left to others, such as the number of pods to an autoscaler, is only part of the first deploy.
  const ignored = isDeployed(resource) ? resource.ignoreChanges : [];
  const { apiVersion, kind, metadata, ...rest } = ignored.reduce(
    (object, path) => without(object, path.split(".")),
    withoutEmptyLists(redact(resource.inputs, "[secret]")) as Values,
  );
  const given = isObject(metadata) ? metadata : {};
  const name = given.name ?? nameOf(resource);
  return { apiVersion, kind, metadata: { ...given, name }, ...rest } as Manifest;
}

function render(resource: Recorded, chosen: Chosen, unbuilt: readonly string[]): Rendered {
  const manifest = objectOf(resource, chosen);
  const text = JSON.stringify(manifest);
  const comments = unbuilt
    .filter((image) => text.includes(image))
    .map((image) => `${image} is not built yet: a deploy builds it and names it by digest`);
  if (manifest.kind !== "Secret") return { manifest, comments };
  const { data, stringData, ...visible } = manifest;
  const keys = keysOf({ data, stringData });
  const left = `The values are left out. Keys: ${keys.join(", ")}`;
  return { manifest: visible, comments: [...comments, left] };
}

/**
 * The objects among what a stage registers, in the order in which they can be applied.
 *
 * @param chosen the names of objects that state none, as for `record`
 * @param unbuilt references that stand for the digests of images that are not built yet
 */
export function manifestsOf(
  resources: readonly Recorded[],
  chosen: Chosen,
  unbuilt: readonly string[] = [],
): readonly Rendered[] {
  const rendered = resources
    .filter(({ type }) => type.startsWith("kubernetes:"))
    .map((resource) => render(resource, chosen, unbuilt));
  return rendered.sort((one, other) => (keyOf(one.manifest) < keyOf(other.manifest) ? -1 : 1));
}

/** `kubectl` reads YAML 1.1, in which more words than `true` and `false` need quotes to be text. */
const FORMAT = { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false } as const;

/** An object as a YAML document. */
export const documentOf = ({ manifest, comments }: Rendered): string =>
  comments.map((line) => `# ${line}\n`).join("") + stringify(manifest, FORMAT);

/** The name of an object's file: in the order of names, files can be applied. */
export const fileNameOf = ({ manifest }: Rendered): string => `${keyOf(manifest)}.yaml`;
