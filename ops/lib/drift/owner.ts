/** Says who owns a field of a live object, by its `metadata.managedFields`. */
import { isDeepStrictEqual } from "node:util";
import { isObject, type Values } from "../yaml.ts";
import type { Path } from "./compare.ts";

/** The last that wrote a field. */
export interface Owner {
  /** The program, as it called itself: `kubectl-edit`, `kubectl-patch`, `kube-controller-manager`. */
  readonly manager: string;
  /** `Apply` for a server-side apply, `Update` for every other way. */
  readonly operation: string;
  readonly time: string | null;
}

interface Entry {
  readonly manager?: string;
  readonly operation?: string;
  readonly time?: string;
  readonly fieldsV1?: Values;
}

/** How the kubernetes provider calls itself; each resource has a suffix of its own. */
const PROVIDER = "pulumi-kubernetes";

/** Whether an owner is the kubernetes provider, which applies what the stack sets. */
export const isProvider = ({ manager = "" }: Pick<Entry, "manager">): boolean =>
  manager.startsWith(PROVIDER);

/** What an entry owns of an element of a list: elements have their keys, `k:{"name":"backend"}`, or their value, `v:"a"`. */
function elementIn(fields: Values, element: unknown): unknown {
  const key = Object.keys(fields).find((field) => {
    if (field.startsWith("v:")) return isDeepStrictEqual(JSON.parse(field.slice(2)), element);
    if (!field.startsWith("k:") || !isObject(element)) return false;
    const keys = JSON.parse(field.slice(2)) as Values;
    return Object.entries(keys).every(([name, value]) => element[name] === value);
  });
  return key === undefined ? undefined : fields[key];
}

/** Whether these fields include the one at `path` below `value`. */
function includes(fields: unknown, value: unknown, [step, ...rest]: Path): boolean {
  if (!isObject(fields)) return false;
  if (step === undefined) return true;
  // Who owns a list or an object as a whole owns everything in it.
  if (!Object.keys(fields).length) return true;
  const inner = (value as Record<string | number, unknown> | undefined)?.[step];
  const child = typeof step === "number" ? elementIn(fields, inner) : fields[`f:${step}`];
  return includes(child, inner, rest);
}

/** The owner of a field; null where nobody owns it, for example because it was removed. */
export function ownerOf(live: Values, path: Path): Owner | null {
  const { managedFields = [] } = (live.metadata ?? {}) as { managedFields?: readonly Entry[] };
  const [owner] = managedFields
    .filter(({ fieldsV1 }) => includes(fieldsV1, live, path))
    // Of several owners, the one that is not the stack changed the field; of several of those, the last one.
    .sort(
      (one, other) =>
        Number(isProvider(one)) - Number(isProvider(other)) ||
        (other.time ?? "").localeCompare(one.time ?? ""),
    );
  if (!owner) return null;
  const { manager = "", operation = "", time = null } = owner;
  return { manager, operation, time };
}
