import { createHmac, timingSafeEqual } from "node:crypto";
import { settings } from "@/lib/settings";

// "<token>.<signature>", percent-encoded, as Better Auth writes it
const SESSION_COOKIE = /(?<=(?:^|;\s*)(?:__Secure-)?todo\.session_token=)[^;]+/;

const signature = (token: string, secret: string): Buffer =>
  createHmac("sha256", secret).update(token).digest();

/**
 * Better Auth knows one secret to sign the session cookie with. A cookie signed with the one before
 * it gets the current signature on its way in, so that a rotation signs nobody out.
 */
export function resign(headers: Headers): Headers {
  const { BETTER_AUTH_SECRET, BETTER_AUTH_SECRET_PREVIOUS } = settings();
  const resigned = new Headers(headers);
  const cookies = headers.get("cookie");
  if (!BETTER_AUTH_SECRET_PREVIOUS || !cookies) return resigned;
  const replace = (cookie: string): string => {
    const [token = "", given = ""] = decodeURIComponent(cookie).split(".");
    const expected = signature(token, BETTER_AUTH_SECRET_PREVIOUS);
    const found = Buffer.from(given, "base64");
    if (found.length !== expected.length || !timingSafeEqual(found, expected)) return cookie;
    const current = signature(token, BETTER_AUTH_SECRET).toString("base64");
    return encodeURIComponent(`${token}.${current}`);
  };
  resigned.set("cookie", cookies.replace(SESSION_COOKIE, replace));
  return resigned;
}
