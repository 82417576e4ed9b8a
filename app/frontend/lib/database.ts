import { Pool } from "pg";
import { sslMode, tlsOptions } from "@/lib/databaseTls";
import { once } from "@/lib/once";
import { settings } from "@/lib/settings";

// Few, because all pods share the database's connections; but enough to read sessions.
export const CONNECTIONS = 2;

// The client stops waiting for a query after this time, and the database stops the query, too.
const STATEMENT_MS = 2_500;

export const pool = once("pool", () => {
  const { DATABASE_URL, DATABASE_CA_FILE: ca } = settings();
  const url = new URL(DATABASE_URL.replace("+psycopg:", ":"));
  // removed because node-postgres would prefer it to `ssl`
  url.searchParams.delete("sslmode");
  const created = new Pool({
    connectionString: url.href,
    ssl: tlsOptions(sslMode(DATABASE_URL), ca),
    max: CONNECTIONS,
    application_name: "todo-frontend",
    // both timeouts are below the 5 s after which the browser stops waiting
    connectionTimeoutMillis: 4_000,
    query_timeout: STATEMENT_MS,
    // set with a statement, because PgBouncer rejects it as a connection parameter
    onConnect: (client) => client.query(`set statement_timeout = ${STATEMENT_MS}`).then(() => {}),
    idleTimeoutMillis: 300_000,
    keepAlive: true,
  });
  // the pool replaces a connection that was lost while idle; without a listener, the error would
  // end the process
  created.on("error", (error) =>
    console.warn("An idle database connection was lost:", error.message),
  );
  return created;
});
