import type { ConnectionOptions } from "node:tls";

/** libpq's other modes leave it open whether the connection is encrypted. */
const MODES = ["disable", "require", "verify-ca", "verify-full"];

export const sslMode = (url: string): string | null => new URL(url).searchParams.get("sslmode");

/** What is wrong with the TLS parameters of a database URL, if anything. */
export function tlsProblem(url: string): string | undefined {
  const mode = sslMode(url);
  if (mode !== null && !MODES.includes(mode)) return `sslmode must be one of ${MODES.join(", ")}`;
  if (new URL(url).searchParams.has("sslrootcert"))
    return "sslrootcert is not supported; name the file in DATABASE_CA_FILE";
  return undefined;
}

/** Gives sslmode the meaning that it has for the backend's driver, libpq; node-postgres differs. */
export function tlsOptions(mode: string | null, ca?: string): ConnectionOptions | false {
  if (mode === null || mode === "disable") return false;
  if (mode === "verify-full") return { ca };
  if (mode === "require" && ca === undefined) return { rejectUnauthorized: false };
  return { ca, checkServerIdentity: () => undefined };
}
