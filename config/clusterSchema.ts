/** The shapes of the settings that only a CloudNativePG cluster has. */
import { DEFAULT_CLUSTER } from "../components/kubernetes/cloudNativePg.ts";
import { object, optionalText, text } from "./values.ts";

const clusterName = text(
  /^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$/,
  "the name of a CloudNativePG cluster: lower-case letters, digits and -, a letter first, at most 50 characters",
);

export const clusterSchema = {
  /** Name of the cluster, and of the folder with its backups. Another name is another cluster, which is new. */
  clusterName: clusterName.prefault(DEFAULT_CLUSTER),
  /** What a cluster that does not exist yet is made from; absent: it begins empty. */
  recovery: object({
    /** The cluster whose backups and write-ahead log are read: a folder below `backup.s3.prefix`. */
    clusterName,
    /** The moment to go back to; empty: the end of what was archived. */
    time: optionalText(
      /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/,
      "a time in UTC such as 2026-03-02T14:05:00Z",
    ),
  }).optional(),
};
