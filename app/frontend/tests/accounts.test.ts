/** /api/auth as the server answers it, with a database of its own. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { Readable } from "node:stream";
import { after, before, beforeEach, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Accounts } from "@/tests/accounts";

const [CURRENT, PREVIOUS, NEXT, OTHER] = ["c", "p", "n", "o"].map((letter) => letter.repeat(32));
const ORIGIN = "http://todo.example.com";
const ADA = { name: "Ada", email: "ada@example.com", password: "correct horse" };
const WRONG = { ...ADA, password: "battery staple" };

const accounts = new Accounts();
before(async () => {
  await accounts.start({
    BACKEND_URL: "http://backend:8000",
    FRONTEND_URL: ORIGIN,
    PUBLIC_URLS: `${ORIGIN}:8080, https://todo.example.com/`,
    BETTER_AUTH_SECRET: CURRENT!,
    BETTER_AUTH_SECRET_PREVIOUS: PREVIOUS!,
    BETTER_AUTH_SECRET_NEXT: NEXT!,
    NODE_ENV: "production",
  });
  const { status, body } = await accounts.ask("/sign-up/email", { body: ADA });
  assert.equal(status, 200, body);
});
after(() => accounts.stop());
beforeEach(() => accounts.query("truncate auth_rate_limit, auth_failed_sign_in"));

const signIn = (body: object, headers: Record<string, string> = {}) =>
  accounts.ask("/sign-in/email", { body, headers });

async function statuses(count: number, attempt: (n: number) => ReturnType<typeof signIn>) {
  const found: number[] = [];
  for (let n = 0; n < count; n++) found.push((await attempt(n)).status);
  return found;
}

/** The cookies of a response, as a browser sends them back. */
const cookiesOf = ({ headers }: Awaited<ReturnType<typeof signIn>>): string =>
  (headers["set-cookie"] ?? []).map((cookie) => cookie.split(";")[0]).join("; ");

test("a created account is counted, and a refused sign-up is not", async () => {
  const { registry } = await import("@/lib/useMetrics");
  const counted = () => registry().getSingleMetricAsString("todo_accounts_created_total");
  assert.match(await counted(), /^todo_accounts_created_total 1$/m);
  assert.equal((await accounts.ask("/sign-up/email", { body: ADA })).status, 422);
  assert.match(await counted(), /^todo_accounts_created_total 1$/m);
});

test("a body of a sensible size is read, and a larger one refused", async () => {
  const padded = (bytes: number) => ({ ...ADA, padding: "x".repeat(bytes) });
  assert.equal((await signIn(padded(60_000))).status, 200);
  const refused = await signIn(padded(66_000));
  assert.equal(refused.status, 413);
  assert.match(JSON.parse(refused.body).detail, /at most 65536 bytes/);
});

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test("a body without a content length is not kept in memory beyond the limit", async () => {
  const megabyte = Buffer.alloc(1024 * 1024, "x");
  let highest = 0;
  function* hundredMegabytes() {
    for (let n = 0; n < 100; n++) {
      if (n % 10 === 0) collectGarbage();
      highest = Math.max(highest, process.memoryUsage().arrayBuffers);
      yield megabyte;
    }
  }
  const before = process.memoryUsage().arrayBuffers;
  const body = Readable.from(hundredMegabytes());
  const { status } = await accounts.ask("/sign-up/email", { body });
  assert.equal(status, 413);
  assert.ok(highest - before < 50_000_000, `${highest - before} bytes`);
});

test("a client gets no more attempts by forging addresses in headers", async () => {
  const found = await statuses(12, (n) =>
    signIn(ADA, {
      "x-real-ip": `10.0.0.${n}`,
      "x-client-address": `10.0.1.${n}`,
      "x-forwarded-for": `10.0.2.${n}, 203.0.113.7`,
    }),
  );
  assert.deepEqual(found, [...Array<number>(10).fill(200), 429, 429]);
});

/** The header as a trusted proxy sends it; the address before the last may be forged. */
const via = (address: string) => ({ "x-forwarded-for": `192.0.2.1, ${address}` });

test("the attempts of one client do not count for another", async () => {
  const strange = await statuses(11, () => signIn(WRONG, via("198.51.100.1")));
  assert.equal(strange.at(-1), 429);
  const { status } = await signIn(ADA, via("198.51.100.2"));
  assert.equal(status, 200);
});

test("an account's password is not guessed from many addresses", async () => {
  const found = await statuses(21, (n) => signIn(WRONG, { "x-forwarded-for": `198.51.100.${n}` }));
  assert.deepEqual(found, [...Array<number>(20).fill(401), 429]);
  const refused = await signIn(ADA, { "x-forwarded-for": "203.0.113.7" });
  assert.equal(refused.status, 429);
  const seconds = Number(refused.headers["x-retry-after"]);
  assert.ok(seconds > 800 && seconds <= 900, `${seconds}`);
  const bob = { email: "bob@example.com", password: "whatever" };
  assert.equal((await signIn(bob, { "x-forwarded-for": "203.0.113.7" })).status, 401);
});

test("an attacker does not lock out a browser that the account knows", async () => {
  const known = { cookie: cookiesOf(await signIn(ADA)), origin: ORIGIN };
  await statuses(21, (n) => signIn(WRONG, { "x-forwarded-for": `198.51.100.${n}` }));
  assert.equal((await signIn(ADA, known)).status, 200);
  const stolen = await statuses(21, (n) =>
    signIn(WRONG, { ...known, "x-forwarded-for": `192.0.2.${n}` }),
  );
  assert.deepEqual(stolen, [...Array<number>(20).fill(401), 429]);
});

test("successful sign-ins do not count", async () => {
  const found = await statuses(25, (n) => signIn(ADA, { "x-forwarded-for": `198.51.100.${n}` }));
  assert.deepEqual(found, Array<number>(25).fill(200));
});

test("the database stops a query when the client stops waiting for it", async () => {
  const { pool } = await import("@/lib/database");
  const { rows } = await pool().query("show statement_timeout");
  assert.deepEqual(rows, [{ statement_timeout: "2500ms" }]);
});

test("sign-ins are accepted from every public address and from no other", async () => {
  for (const [origin, status] of [
    [ORIGIN, 200],
    [`${ORIGIN}:8080`, 200],
    ["https://todo.example.com", 200],
    [`${ORIGIN}:8081`, 403],
    ["https://evil.example", 403],
  ] as const)
    assert.equal((await signIn(ADA, { origin })).status, status, origin);
});

function cookieSignedWith(secret: string, cookies: string): string {
  const [, token] = /session_token=([^.]+)\./.exec(cookies)!;
  const signature = createHmac("sha256", secret).update(token!).digest("base64");
  return `todo.session_token=${encodeURIComponent(`${token}.${signature}`)}`;
}

async function userOf(cookie: string): Promise<string | undefined> {
  const question = { method: "GET", headers: { cookie } };
  const { status, body } = await accounts.ask("/get-session", question);
  assert.equal(status, 200);
  return JSON.parse(body)?.user.email;
}

test("a cookie signed with the previous, current or next secret is valid", async () => {
  const cookies = cookiesOf(await signIn(ADA));
  for (const secret of [CURRENT, PREVIOUS, NEXT])
    assert.equal(await userOf(cookieSignedWith(secret!, cookies)), ADA.email);
  assert.equal(await userOf(cookieSignedWith(OTHER!, cookies)), undefined);
});

test("a malformed cookie belongs to nobody", async () => {
  for (const value of ["%E0%A4%A", "%", "", ".", "a.b", "%E0%A4%A.b"])
    assert.equal(await userOf(`todo.session_token=${value}`), undefined, value);
});
