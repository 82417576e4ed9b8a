import { createHmac, timingSafeEqual } from "node:crypto";
import { knownSecrets, settings } from "@/lib/settings";

// "<token>.<signature>", percent-encoded, as Better Auth writes it
const SESSION_COOKIE = /(?<=(?:^|;\s*)(?:__Secure-)?todo\.session_token=)[^;]+/;

const signature = (token: string, secret: string): Buffer =>
  createHmac("sha256", secret).update(token).digest();

/**
 * Better Auth knows one secret to sign the session cookie with. A cookie signed with the one before
 * it, or by a newer version of this app with the one after it, gets the current signature on its
 * way in, so that a rotation signs nobody out.
 */
export function resign(headers: Headers): Headers {
  const resigned = new Headers(headers);
  const cookies = headers.get("cookie");
  if (cookies) resigned.set("cookie", cookies.replace(SESSION_COOKIE, withCurrentSignature));
  return resigned;
}

function withCurrentSignature(cookie: string): string {
  const [token = "", given = ""] = decoded(cookie).split(".");
  const found = Buffer.from(given, "base64");
  const isOurs = knownSecrets().some((secret) => {
    const expected = signature(token, secret);
    return found.length === expected.length && timingSafeEqual(found, expected);
  });
  if (!isOurs) return cookie;
  const current = signature(token, settings().BETTER_AUTH_SECRET).toString("base64");
  return encodeURIComponent(`${token}.${current}`);
}

/** Anybody can send a cookie that is no percent-encoding. */
function decoded(cookie: string): string {
  try {
    return decodeURIComponent(cookie);
  } catch {
    return "";
  }
}
