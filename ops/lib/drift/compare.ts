/** Compares objects of Kubernetes field by field. */
import { isDeepStrictEqual } from "node:util";
import { isObject, type Values } from "../yaml.ts";

/** Where a field is: keys of objects and indices of lists. */
export type Path = readonly (string | number)[];

/** A field that differs. A value that is not there is undefined. */
export interface Difference {
  readonly path: Path;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** Fields that the API server itself writes in every object. */
const WRITTEN_BY_SERVER = ["managedFields", "generation", "resourceVersion", "uid"];

/** The names of a list's elements, if each has one of its own: Kubernetes merges most of such lists by name. */
function namesOf(list: readonly unknown[]): readonly unknown[] | undefined {
  const names = list.map((element) => (isObject(element) ? element.name : undefined));
  const areKeys = names.every((name) => typeof name === "string");
  return areKeys && new Set(names).size === names.length ? names : undefined;
}

/** Pairs the elements of two lists: by name, or else by index; undefined where the lists can only be compared as a whole. */
function pairs(one: readonly unknown[], other: readonly unknown[]) {
  const names = namesOf(other);
  if (names && namesOf(one))
    return one.map((element) => {
      const name = (element as Values).name;
      return { element, match: names.includes(name) ? other[names.indexOf(name)] : undefined };
    });
  if (one.length !== other.length || ![...one, ...other].every(isObject)) return undefined;
  return one.map((element, index) => ({ element, match: other[index] }));
}

/** The wanted elements of a list that the live one does not have, where names identify the elements. */
function addedTo(live: readonly unknown[], wanted: readonly unknown[]): readonly unknown[] {
  const names = namesOf(live);
  return names ? wanted.filter((element) => !names.includes((element as Values).name)) : [];
}

/** The live value with what is wanted set in it. What is not wanted explicitly stays, as with a server-side apply. */
export function overlay(live: unknown, wanted: unknown): unknown {
  if (isObject(live) && isObject(wanted)) {
    const set = Object.entries(wanted)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, overlay(live[key], value)] as const);
    return { ...live, ...Object.fromEntries(set) };
  }
  if (!Array.isArray(live) || !Array.isArray(wanted)) return wanted;
  const paired = pairs(live, wanted);
  if (!paired) return wanted;
  const kept: readonly unknown[] = paired.map(({ element, match }) =>
    match === undefined ? element : overlay(element, match),
  );
  return [...kept, ...addedTo(live, wanted)];
}

function listDifferences(
  live: readonly unknown[],
  wanted: readonly unknown[],
  path: Path,
): readonly Difference[] {
  const paired = pairs(live, wanted);
  if (!paired) return [{ path, expected: wanted, actual: live }];
  return [
    ...paired.flatMap(({ element, match }, index) => differences(element, match, [...path, index])),
    ...addedTo(live, wanted).map((expected, index) => ({
      path: [...path, live.length + index],
      expected,
      actual: undefined,
    })),
  ];
}

/** The fields in which a live value differs from the wanted one. */
export function differences(
  live: unknown,
  wanted: unknown,
  path: Path = [],
): readonly Difference[] {
  if (isDeepStrictEqual(live, wanted)) return [];
  if (isObject(live) && isObject(wanted))
    return [...new Set([...Object.keys(live), ...Object.keys(wanted)])].flatMap((key) =>
      differences(live[key], wanted[key], [...path, key]),
    );
  if (Array.isArray(live) && Array.isArray(wanted)) return listDifferences(live, wanted, path);
  return [{ path, expected: wanted, actual: live }];
}

/** Whether a field belongs to the object's description, and not to what the API server and controllers note in it. */
export const isDescription = ({ path: [first, second] }: Difference): boolean =>
  first !== "status" && !(first === "metadata" && WRITTEN_BY_SERVER.includes(String(second)));

/** `spec.ports[0].port`; a key with dots stands in brackets. */
export const pathText = (path: Path): string =>
  path
    .map((step) => {
      if (typeof step === "number") return `[${step}]`;
      return /[./]/.test(step) ? `["${step}"]` : `.${step}`;
    })
    .join("")
    .replace(/^\./, "");
