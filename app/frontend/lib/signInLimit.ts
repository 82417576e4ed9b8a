import { createHash, createHmac } from "node:crypto";
import { APIError, createAuthMiddleware } from "better-auth/api";
import { pool } from "@/lib/database";
import { isHttps, knownSecrets, settings } from "@/lib/settings";

/*
 * Limits the failed sign-ins to each account, because an attacker can guess a password from many
 * addresses. With a single count, the attacker could also lock the owner out. Therefore browsers
 * that have signed in to the account before have a count of their own.
 */

const MOST_FAILURES = 20;
const WINDOW = "interval '15 minutes'";
const SIGN_IN = "/sign-in/email";
const SIGN_UP = "/sign-up/email";
/** With the prefix, a browser takes the cookie over HTTPS alone. */
const knownBrowser = (): string => `${isHttps() ? "__Secure-" : ""}todo.known_browser`;
const YEAR_SECONDS = 365 * 86_400;

const COUNT = `
  insert into auth_failed_sign_in as failed (account, count, since) values ($1, 1, now())
  on conflict (account) do update set
    count = case when failed.since > now() - ${WINDOW} then failed.count + 1 else 1 end,
    since = case when failed.since > now() - ${WINDOW} then failed.since else now() end
  returning count, ceil(extract(epoch from since + ${WINDOW} - now()))::int as seconds`;
const FORGET = `delete from auth_failed_sign_in where account = $1 or since < now() - ${WINDOW}`;

const normalized = (email: string): string => email.trim().toLowerCase();

const markOf = (email: string, secret: string): string =>
  createHmac("sha256", secret)
    .update(`known browser ${normalized(email)}`)
    .digest("base64url");

/** The key of the count: one for the account, and one for the browsers that the account knows. */
function bucketOf(email: string, mark: string | null | undefined): string {
  const account = createHash("sha256").update(normalized(email)).digest("hex");
  const isKnown = knownSecrets().some((secret) => markOf(email, secret) === mark);
  return isKnown ? `${account} known` : account;
}

/** Counts an attempt before its password is checked, so that simultaneous attempts all count. */
export const countAttempt = createAuthMiddleware(async (context) => {
  const email: unknown = context.body?.email;
  if (context.path !== SIGN_IN || typeof email !== "string") return;
  const bucket = bucketOf(email, context.getCookie(knownBrowser()));
  const { rows } = await pool().query<{ count: number; seconds: number }>(COUNT, [bucket]);
  const { count, seconds } = rows[0]!;
  if (count <= MOST_FAILURES) return;
  const message = "Too many failed sign-ins to this account. Please try again later.";
  throw new APIError("TOO_MANY_REQUESTS", { message }, { "X-Retry-After": String(seconds) });
});

/** Resets the count after a successful sign-in, and marks the browser as known with a cookie. */
export const forgetFailures = createAuthMiddleware(async (context) => {
  const email = context.context.newSession?.user.email;
  if (![SIGN_IN, SIGN_UP].includes(context.path) || email === undefined) return;
  await pool().query(FORGET, [bucketOf(email, context.getCookie(knownBrowser()))]);
  context.setCookie(knownBrowser(), markOf(email, settings().BETTER_AUTH_SECRET), {
    httpOnly: true,
    maxAge: YEAR_SECONDS,
    path: "/api/auth",
    sameSite: "lax",
    secure: isHttps(),
  });
});
