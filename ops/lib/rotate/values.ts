/** The values of generated secrets that pods have, and whether the database accepts them. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { OperatorError } from "../errors.ts";
import { kubectl, request, type Place } from "../kubectl.ts";
import type { Generated } from "./counters.ts";

/** The workload whose Secret has all valid values of a secret, and their keys. The first one is the value that is used. */
const READERS: Readonly<Record<Generated, readonly [reader: string, ...keys: string[]]>> = {
  auth: [
    "frontend",
    "BETTER_AUTH_SECRET",
    "BETTER_AUTH_SECRET_PREVIOUS",
    "BETTER_AUTH_SECRET_NEXT",
  ],
  databasePassword: ["backend", "DATABASE_URL"],
  databaseOwnerPassword: ["migration", "DATABASE_URL"],
};

interface StoredSecret {
  readonly metadata: { readonly creationTimestamp: string };
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * The values of a secret that pods have, the one that is used first.
 *
 * @throws OperatorError where they can't be read
 */
export async function valuesInUse(place: Place, secret: Generated): Promise<readonly string[]> {
  const [reader, ...keys] = READERS[secret];
  const labels = `app.kubernetes.io/name=${reader},app.kubernetes.io/managed-by=pulumi`;
  const get = ["get", "secrets", `--selector=${labels}`, "--output=json"];
  const { code, stdout, output } = await request(place, get);
  const where = `namespace ${place.namespace} of context "${place.context}"`;
  if (code !== 0)
    throw new OperatorError(
      `the Secrets in ${where} can't be read: ${output.trim()}`,
      `the credentials must be allowed to list Secrets there: kubectl --context ${place.context} --namespace ${place.namespace} auth can-i list secrets`,
    );
  const { items } = JSON.parse(stdout) as { readonly items: readonly StoredSecret[] };
  const found = items
    .filter(({ data }) => data?.[keys[0]!])
    .sort((one, other) =>
      other.metadata.creationTimestamp.localeCompare(one.metadata.creationTimestamp),
    )
    .at(0);
  if (!found)
    throw new OperatorError(
      `no Secret of ${reader} in ${where} has the key ${keys[0]}`,
      "make up deploys what is missing",
    );
  const values = keys.flatMap((key) => found.data![key] ?? []);
  return values.map((value) => Buffer.from(value, "base64").toString());
}

/** The program that runs in a backend pod, which is allowed to connect to the database. */
const PROGRAM = readFileSync(new URL("check_login.py", import.meta.url), "utf8");

/** How long to wait for the answer that is expected: an operator of databases may set a password later than the deploy ends. */
const WAIT_MS = 30_000;

/**
 * Checks that the database accepts a login, or that it refuses it.
 *
 * @throws OperatorError where it does not, or where that can't be found out
 */
export async function checkLogin(
  place: Place,
  url: string,
  expected: "accepted" | "refused",
  waitMs = WAIT_MS,
): Promise<void> {
  const exec = ["exec", "--stdin", "deployment/backend", "--pod-running-timeout=10s"];
  const command = [...exec, "--", "python", "-c", PROGRAM];
  const end = Date.now() + waitMs;
  for (;;) {
    const { code, stdout, output } = await kubectl(place, command, url);
    const answer = code === 0 ? stdout.trim() : "";
    if (answer === expected) return;
    if (Date.now() < end) {
      await sleep(Math.min(2000, waitMs));
      continue;
    }
    const which = expected === "accepted" ? "new" : "old";
    throw new OperatorError(
      answer
        ? `the database has ${answer} the login with the ${which} password; expected: ${expected}`
        : `whether the database has ${expected} the login with the ${which} password is not known: ${output.trim().split("\n").at(-1)}`,
      `kubectl --context ${place.context} --namespace ${place.namespace} logs deployment/backend --tail 50; ` +
        `the credentials must be allowed to create pods/exec there`,
    );
  }
}
