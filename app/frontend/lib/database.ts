import { Pool } from "pg";
import { sslMode, tlsOptions } from "@/lib/databaseTls";
import { once } from "@/lib/once";
import { settings } from "@/lib/settings";

// Enough for sessions, and little: every pod takes its share of the database's connections.
const CONNECTIONS = 2;

// Whoever asked has given up by then, and so does the database.
const STATEMENT_MS = 2_500;

export const pool = once("pool", () => {
  const { DATABASE_URL, DATABASE_CA_FILE: ca } = settings();
  const url = new URL(DATABASE_URL.replace("+psycopg:", ":"));
  // in the URL it would count more than `ssl`
  url.searchParams.delete("sslmode");
  const created = new Pool({
    connectionString: url.href,
    ssl: tlsOptions(sslMode(DATABASE_URL), ca),
    max: CONNECTIONS,
    application_name: "todo-frontend",
    // each below the 5 s after which a page says that the database does not answer
    connectionTimeoutMillis: 4_000,
    query_timeout: STATEMENT_MS,
    // by a statement: as a parameter of the connection it would be refused by PgBouncer
    onConnect: (client) => client.query(`set statement_timeout = ${STATEMENT_MS}`).then(() => {}),
    idleTimeoutMillis: 300_000,
    keepAlive: true,
  });
  // a connection lost while idle is replaced; without a listener it would end the process
  created.on("error", (error) =>
    console.warn("An idle database connection was lost:", error.message),
  );
  return created;
});
