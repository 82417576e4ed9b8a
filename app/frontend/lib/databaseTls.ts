import type { ConnectionOptions } from "node:tls";

/** Those of libpq's that say for sure whether the connection is encrypted. */
const MODES = ["disable", "require", "verify-ca", "verify-full"];

export const sslMode = (url: string): string | null => new URL(url).searchParams.get("sslmode");

/** What is wrong with how a database's URL asks for TLS. */
export function tlsProblem(url: string): string | undefined {
  const mode = sslMode(url);
  if (mode !== null && !MODES.includes(mode)) return `sslmode must be one of ${MODES.join(", ")}`;
  if (new URL(url).searchParams.has("sslrootcert"))
    return "sslrootcert is not supported; name the file in DATABASE_CA_FILE";
  return undefined;
}

/** What an sslmode means to libpq, the backend's driver; to node-postgres it means something else. */
export function tlsOptions(mode: string | null, ca?: string): ConnectionOptions | false {
  if (mode === null || mode === "disable") return false;
  if (mode === "verify-full") return { ca };
  if (mode === "require" && ca === undefined) return { rejectUnauthorized: false };
  return { ca, checkServerIdentity: () => undefined };
}
