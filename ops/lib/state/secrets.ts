/** Values that the engine marks as secrets: in a state, in its events, and in what a program registers. */
import { specialSecretSig, specialSigKey } from "@pulumi/pulumi/runtime/rpc.js";
import { isObject, type Values } from "../yaml.ts";

export const isMarkedSecret = (value: unknown): value is Values =>
  isObject(value) && value[specialSigKey] === specialSecretSig;

/** Whether a value is a secret, or has one somewhere in it. */
export function hasMarkedSecret(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasMarkedSecret);
  return isMarkedSecret(value) || (isObject(value) && Object.values(value).some(hasMarkedSecret));
}
