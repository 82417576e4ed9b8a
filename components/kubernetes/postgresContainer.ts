/** The container of the in-cluster PostgreSQL server. */
import { memoryBytes, type ContainerResources } from "./resources.ts";

/** User `postgres` of the official Debian-based image. */
export const POSTGRES_USER_ID = 999;
/** Where the volume is mounted. */
export const DATA_PATH = "/var/lib/postgresql/data";

export interface PostgresContainerArgs {
  readonly name: string;
  readonly image: string;
  readonly port: number;
  /** Owner of the database; the database has the same name. */
  readonly owner: string;
  /** Role that may read everything. Its password is in the file that `BACKUP_PASSWORD_FILE` names. @default none */
  readonly backupRole?: string;
  readonly resources: ContainerResources;
  /** Connections that the server accepts at the same time. */
  readonly maxConnections: number;
  /** Size of the volume. */
  readonly storage: string;
}

/** PostgreSQL's own default of `max_wal_size`, and the least that it keeps (`min_wal_size`) with some room, in MiB. */
const WAL_MEBIBYTES = { most: 1024, least: 96 };

/**
 * How far the write-ahead log may grow before a checkpoint: an eighth of the volume. A log of PostgreSQL's default size fills a small
 * volume, and a server whose log finds no room ends, and may not start again.
 */
function maxWalSize(storage: string): string {
  const mebibytes = Math.floor(memoryBytes(storage) / 2 ** 20 / 8);
  return `${Math.max(WAL_MEBIBYTES.least, Math.min(WAL_MEBIBYTES.most, mebibytes))}MB`;
}

/** SQL for a role that may read everything. It is created with the first start that knows its password. */
const readingRole = (role: string) => `\\set password \`cat "$BACKUP_PASSWORD_FILE"\`
SELECT 'CREATE ROLE ${role}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') \\gexec
ALTER ROLE ${role} LOGIN PASSWORD :'password';
GRANT pg_read_all_data TO ${role};
`;

/**
 * A script that sets the owner's password to that of its Secret. The image sets it only when it creates the database;
 * the script runs on every start, so that a new password reaches an existing volume too. It connects over the local
 * socket, which needs no password (the image's own pg_hba.conf).
 *
 * psql reads the password from the file, so that it appears in no argument list, and the server does not log the
 * statement if it fails. An empty file would make psql remove the password, so the script checks for that.
 */
const setPasswords = (owner: string, isReady: string, backupRole?: string) => `set -eu
until ${isReady}; do sleep 0.2; done
test -s "$POSTGRES_PASSWORD_FILE"${backupRole ? ' -a -s "$BACKUP_PASSWORD_FILE"' : ""}
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=${owner} --dbname=${owner} <<'SQL'
SET log_min_error_statement = panic;
\\set password \`cat "$POSTGRES_PASSWORD_FILE"\`
ALTER ROLE ${owner} PASSWORD :'password';
${backupRole ? readingRole(backupRole) : ""}SQL
`;

/** A container of an image that is compatible with Docker's official `postgres`. */
export function postgresContainer({ owner, backupRole, ...args }: PostgresContainerArgs) {
  // Connects over TCP: while the image initialises an empty volume, its temporary server listens only on the local
  // socket.
  const isReady = [
    "pg_isready",
    "--quiet",
    "--host=127.0.0.1",
    `--username=${owner}`,
    `--dbname=${owner}`,
  ];
  return {
    name: args.name,
    image: args.image,
    args: [
      ...["-c", `max_connections=${args.maxConnections}`],
      ...["-c", `max_wal_size=${maxWalSize(args.storage)}`],
    ],
    env: [
      { name: "POSTGRES_USER", value: owner },
      { name: "POSTGRES_DB", value: owner },
      // A folder below the mount point: a volume may contain lost+found, and initdb refuses a folder that is not empty.
      { name: "PGDATA", value: `${DATA_PATH}/pgdata` },
    ],
    ports: [{ name: "postgres", containerPort: args.port }],
    resources: args.resources,
    lifecycle: {
      postStart: {
        exec: { command: ["sh", "-c", setPasswords(owner, isReady.join(" "), backupRole)] },
      },
    },
    startupProbe: { exec: { command: isReady }, periodSeconds: 1, failureThreshold: 120 },
    livenessProbe: {
      exec: { command: isReady },
      periodSeconds: 10,
      timeoutSeconds: 5,
      failureThreshold: 6,
    },
    readinessProbe: {
      exec: { command: isReady },
      periodSeconds: 5,
      timeoutSeconds: 5,
      failureThreshold: 2,
    },
  };
}
