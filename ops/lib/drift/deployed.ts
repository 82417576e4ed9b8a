/** The objects that a stack has deployed, with the fields that the stack set, as its state records them. */
import { isObject, type Values } from "../yaml.ts";
import { hasMarkedSecret, isMarkedSecret } from "../state/secrets.ts";
import { presentIn, type State } from "../state/state.ts";
import { holdsData } from "../state/databaseVolume.ts";

/** An object, identified as kubectl does. */
export interface Manifest extends Values {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Values & { readonly name: string; readonly namespace?: string };
}

export interface Deployed {
  readonly manifest: Manifest;
  /** The name under which the kubernetes provider applies the object. */
  readonly fieldManager: string;
  /** Whether no value of the object may be shown: it is a Secret, or has a secret among its inputs. */
  readonly secret: boolean;
  /** Whether the object holds the data of the database. */
  readonly holdsData: boolean;
}

function reveal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reveal);
  if (!isObject(value)) return value;
  if (isMarkedSecret(value) && typeof value.plaintext === "string")
    return reveal(JSON.parse(value.plaintext));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reveal(inner)]));
}

/** Encodes the values of a Secret as the API server keeps them. */
function encoded({ stringData, ...object }: Values): Values {
  if (!isObject(stringData)) return object;
  const entries = Object.entries(stringData).map(
    ([key, value]) => [key, Buffer.from(String(value)).toString("base64")] as const,
  );
  const data = isObject(object.data) ? object.data : {};
  return { ...object, data: { ...data, ...Object.fromEntries(entries) } };
}

/**
 * The objects of a stack.
 *
 * @param state with its secrets decrypted
 */
export function deployedIn(state: State): readonly Deployed[] {
  return presentIn(state)
    .filter(
      ({ type, inputs, external }) => type.startsWith("kubernetes:") && inputs?.kind && !external,
    )
    .map(({ type, inputs, outputs }) => {
      const object = encoded(reveal(inputs) as Values) as Manifest;
      const { __fieldManager: fieldManager } = (outputs ?? {}) as { __fieldManager?: string };
      return {
        manifest: object,
        fieldManager: fieldManager ?? "pulumi-kubernetes",
        secret: object.kind === "Secret" || hasMarkedSecret(inputs),
        holdsData: holdsData(type),
      };
    });
}

/** Whether an autoscaler of the stack sets the number of an object's pods. */
export function isScaled(all: readonly Deployed[], { kind, metadata }: Manifest): boolean {
  return all.some(({ manifest }) => {
    const { scaleTargetRef } = (manifest.spec ?? {}) as { readonly scaleTargetRef?: Values };
    return scaleTargetRef?.kind === kind && scaleTargetRef.name === metadata.name;
  });
}
