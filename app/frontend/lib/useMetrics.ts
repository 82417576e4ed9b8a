import { Counter, Registry } from "prom-client";
import { once } from "@/lib/once";

/** The metrics of this process. Next.js may load a module several times, but there is one registry. */
export const registry = once("metrics", () => new Registry());

/** Counts the accounts that people have created. */
export const accountsCreated = once(
  "accounts-created",
  () =>
    new Counter({
      name: "todo_accounts_created_total",
      help: "Accounts that were created",
      registers: [registry()],
    }),
);
