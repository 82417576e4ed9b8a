/** What a check of the cluster finds, and how that is worded. */
import type { Stage as Configuration } from "../../../config/schema.ts";
import type { Cluster, Reading } from "./clusterApi.ts";

/** Something that is missing, with the command that installs it; or a warning, which does not stop a deploy. */
export type Finding =
  { readonly missing: string; readonly fix: string } | { readonly warning: string };

export type Check = (
  config: Configuration,
  cluster: Cluster,
  namespace: string,
) => readonly Finding[] | Promise<readonly Finding[]>;

/** Quotes a word for a command line: the name of a context may have blanks. */
export const word = (text: string) =>
  /^[-\w@%+=:,./]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

export const kubectl = ({ context }: Cluster, command: string) =>
  `kubectl --context ${word(context)} ${command}`;

/** No finding for an object that exists. An object that does not is missing. Where nothing is known, a warning says so. */
export function unlessFound(reading: Reading, missing: string, fix: string): Finding[] {
  if (reading.state === "found") return [];
  if (reading.state === "absent") return [{ missing, fix }];
  return [{ warning: `could not check: ${missing} (${reading.reason})` }];
}
