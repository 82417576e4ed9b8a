/** What a check of the cluster finds, and how it is put. */
import type { Stage as Configuration } from "../../../config/schema.ts";
import type { Cluster, Reading } from "./clusterApi.ts";

/** Something that is missing, with the command that brings it; or something worth knowing that stops nothing. */
export type Finding =
  { readonly missing: string; readonly fix: string } | { readonly warning: string };

export type Check = (
  config: Configuration,
  cluster: Cluster,
  namespace: string,
) => readonly Finding[] | Promise<readonly Finding[]>;

/** A word of a command line: contexts may have blanks in their names. */
export const word = (text: string) =>
  /^[-\w@%+=:,./]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

export const kubectl = ({ context }: Cluster, command: string) =>
  `kubectl --context ${word(context)} ${command}`;

/** A finding for everything but an object that is there. */
export function unlessFound(reading: Reading, missing: string, fix: string): Finding[] {
  if (reading.state === "found") return [];
  if (reading.state === "absent") return [{ missing, fix }];
  return [{ warning: `could not check: ${missing} (${reading.reason})` }];
}
