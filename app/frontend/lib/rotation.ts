import { createHmac, timingSafeEqual } from "node:crypto";
import { knownSecrets, settings } from "@/lib/settings";

// Better Auth writes "<token>.<signature>", percent-encoded.
const SESSION_COOKIE = /(?<=(?:^|;\s*)(?:__Secure-)?todo\.session_token=)[^;]+/;

const signature = (token: string, secret: string): Buffer =>
  createHmac("sha256", secret).update(token).digest();

/**
 * Replaces the signature of a session cookie that was signed with the previous secret, or with the
 * next one by a newer version of this app, by the current signature. Better Auth knows only one
 * secret; without this, a rotation would sign everybody out.
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

/** The decoded cookie; empty if it is not valid percent-encoding, as a client can send anything. */
function decoded(cookie: string): string {
  try {
    return decodeURIComponent(cookie);
  } catch {
    return "";
  }
}
