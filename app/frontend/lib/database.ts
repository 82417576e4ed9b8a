import { Pool } from "pg";
import { once } from "@/lib/once";
import { settings } from "@/lib/settings";

// Enough for sessions, and little: every pod takes its share of the database's connections.
const CONNECTIONS = 2;

export const pool = once("pool", () => {
  const url = new URL(settings().DATABASE_URL.replace("+psycopg:", ":"));
  // `sslmode` then means what it means to the backend's driver
  url.searchParams.set("uselibpqcompat", "true");
  const created = new Pool({
    connectionString: url.href,
    max: CONNECTIONS,
    application_name: "todo-frontend",
    // each below the 5 s after which a page says that the database does not answer
    connectionTimeoutMillis: 4_000,
    query_timeout: 2_500,
    idleTimeoutMillis: 300_000,
    keepAlive: true,
  });
  // a connection lost while idle is replaced; without a listener it would end the process
  created.on("error", (error) =>
    console.warn("An idle database connection was lost:", error.message),
  );
  return created;
});
