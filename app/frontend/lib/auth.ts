import { betterAuth } from "better-auth";
import { problem } from "@/lib/answer";
import { readBody } from "@/lib/body";
import { CLIENT_ADDRESS } from "@/lib/clientAddress";
import { pool } from "@/lib/database";
import { once } from "@/lib/once";
import { resign } from "@/lib/rotation";
import { isHttps, settings } from "@/lib/settings";
import { countAttempt, forgetFailures } from "@/lib/signInLimit";
import { accountsCreated } from "@/lib/useMetrics";

/** Attempts from one address in a window of seconds. */
const SIGN_IN_LIMIT = { window: 60, max: 10 };
/** Many times the size of a name, an e-mail address and a password. */
const MAX_BODY_BYTES = 64 * 1024;

/** The tables, which a migration of the backend creates in the form that Better Auth requires. */
const SCHEMA = {
  user: { modelName: "auth_user" },
  session: { modelName: "auth_session" },
  account: { modelName: "auth_account" },
  verification: { modelName: "auth_verification" },
} as const;

export const auth = once("auth", () =>
  betterAuth({
    ...SCHEMA,
    appName: "Todo",
    baseURL: settings().FRONTEND_URL,
    secret: settings().BETTER_AUTH_SECRET,
    database: pool(),
    emailAndPassword: { enabled: true, minPasswordLength: 8, maxPasswordLength: 128 },
    trustedOrigins: (request) => [...settings().PUBLIC_URLS, ...forwardedPort(request)],
    hooks: { before: countAttempt, after: forgetFailures },
    rateLimit: {
      enabled: true,
      storage: "database",
      modelName: "auth_rate_limit",
      customRules: { "/sign-in/email": SIGN_IN_LIMIT, "/sign-up/email": SIGN_IN_LIMIT },
    },
    databaseHooks: {
      user: { create: { after: async () => accountsCreated().inc() } },
      session: { create: { after: ({ userId }) => deleteExpired(userId) } },
    },
    advanced: {
      cookiePrefix: "todo",
      useSecureCookies: isHttps(),
      ipAddress: { ipAddressHeaders: [CLIENT_ADDRESS] },
    },
    logger: {
      log: (level, message, ...rest) => console[level](`Better Auth: ${message}`, ...rest),
    },
    telemetry: { enabled: false },
  }),
);

/**
 * Through a port-forward, the page's origin is not the public one, but its host is a loopback
 * address.
 */
function forwardedPort(request?: Request): string[] {
  const host = request?.headers.get("host") ?? "";
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(host) ? [`http://${host}`] : [];
}

/** Deletes the user's expired sessions, which would stay in the table for ever otherwise. */
async function deleteExpired(userId: string): Promise<void> {
  await pool().query('delete from auth_session where "userId" = $1 and "expiresAt" < now()', [
    userId,
  ]);
}

export interface User {
  readonly id: string;
  readonly name: string;
  readonly email: string;
}

/** Answers a request below /api/auth. */
export async function handleAuth(request: Request): Promise<Response> {
  const body = await readBody(request, MAX_BODY_BYTES);
  if (body === null) return problem(413, `The body must have at most ${MAX_BODY_BYTES} bytes`);
  const { url, method, signal } = request;
  const init = { method, signal, headers: resign(request.headers) };
  return auth().handler(new Request(url, body.length > 0 ? { ...init, body } : init));
}

/** The user of the session cookie; throws if the database does not answer. */
export async function currentUser(headers: Headers): Promise<User | null> {
  // not extended: a page that is being rendered can't set the new cookie
  const query = { disableRefresh: true };
  return (await auth().api.getSession({ headers: resign(headers), query }))?.user ?? null;
}

/** The same, and extends a session that is in use: the response has to set the returned cookies. */
export async function refreshedUser(headers: Headers) {
  const result = await auth().api.getSession({ headers: resign(headers), returnHeaders: true });
  return { user: result.response?.user ?? null, cookies: result.headers.getSetCookie() };
}
