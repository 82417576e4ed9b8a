/** The objects that a stack has deployed, with the fields that the stack set, as its state records them. */
import { isObject, type Values } from "../yaml.ts";
import type { State } from "../state/state.ts";
import { holdsData } from "../state/databaseVolume.ts";

/** Key and value with which the engine marks a secret in the state. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

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

const isSecret = (value: Values): value is { readonly plaintext: string } =>
  value[SIGNATURE] === SECRET && typeof value.plaintext === "string";

function hasSecret(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasSecret);
  return isObject(value) && (isSecret(value) || Object.values(value).some(hasSecret));
}

function reveal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reveal);
  if (!isObject(value)) return value;
  if (isSecret(value)) return reveal(JSON.parse(value.plaintext));
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
export function deployedIn({ deployment }: State): readonly Deployed[] {
  return (deployment.resources ?? [])
    .filter(
      ({ type, inputs, external, delete: leaves }) =>
        type.startsWith("kubernetes:") && inputs?.kind && !external && !leaves,
    )
    .map(({ type, inputs, outputs }) => {
      const object = encoded(reveal(inputs) as Values) as Manifest;
      const { __fieldManager: fieldManager } = (outputs ?? {}) as { __fieldManager?: string };
      return {
        manifest: object,
        fieldManager: fieldManager ?? "pulumi-kubernetes",
        secret: object.kind === "Secret" || hasSecret(inputs),
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
