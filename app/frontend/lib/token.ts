import { createHmac } from "node:crypto";
import { SignJWT } from "jose";
import { settings } from "@/lib/settings";

const LIFETIME_SECONDS = 300;

export interface ApiToken {
  readonly token: string;
  /** Unix seconds. */
  readonly expires_at: number;
}

/** Signs a token with which the backend identifies the user. */
export async function issueToken(userId: string): Promise<ApiToken> {
  const key = createHmac("sha256", settings().BETTER_AUTH_SECRET).update("todo-api token").digest();
  const now = Math.floor(Date.now() / 1000);
  const expires_at = now + LIFETIME_SECONDS;
  const token = await new SignJWT()
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(userId)
    .setIssuer("todo-frontend")
    .setAudience("todo-api")
    .setIssuedAt(now)
    .setExpirationTime(expires_at)
    .sign(key);
  return { token, expires_at };
}
