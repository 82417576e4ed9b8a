/**
 * The throw-away accounts of smoke tests. The app lets nobody delete an account, and keeps deleted tasks for a day. So a backend
 * pod deletes the rows, with the access to the database that it has anyway.
 */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { kubectl, type Place } from "../kubectl.ts";
import { Unexpected } from "./check.ts";

/** The addresses of all of them, as a pattern of SQL. No mail reaches a name that ends with .invalid (RFC 2606). */
const ADDRESSES = "smoke-%@smoke.invalid";

/** An address that no other account has. */
export const newAddress = (): string =>
  ADDRESSES.replace("%", `${Date.now()}-${randomBytes(4).toString("hex")}`);

/** The program that runs in the pod. */
const PROGRAM = readFileSync(new URL("delete_accounts.py", import.meta.url), "utf8");

/**
 * Deletes these accounts with all that they made, and accounts that an earlier smoke test left.
 *
 * @returns how many there were
 * @throws Unexpected where that is not allowed, or no backend pod does it
 */
export async function deleteAccounts(place: Place, emails: readonly string[]): Promise<number> {
  const exec = ["exec", "deployment/backend", "--pod-running-timeout=10s"];
  const program = ["python", "-c", PROGRAM, ADDRESSES, ...emails];
  const { code, stdout, output } = await kubectl(place, [...exec, "--", ...program]);
  if (code === 0 && /^\d+$/.test(stdout.trim())) return Number(stdout);
  // The last line that says more than that the program has ended.
  const lines = output.split("\n").filter((line) => line && !/^command terminated/.test(line));
  throw new Unexpected(lines.at(-1) ?? `kubectl exec ended with ${code}`);
}
