/** A user of the app with a throw-away account. */
import { randomBytes } from "node:crypto";
import { newAddress } from "./accounts.ts";
import { Unexpected } from "./check.ts";
import { expectAnswer, jsonOf, send, type Answer, type Site } from "./site.ts";

/** What a call sends, and the status that it expects. */
interface Call {
  /** Sent as JSON. @default no body */
  readonly body?: unknown;
  /** @default 200 */
  readonly status?: number;
  /** How long the complete answer may take. @default that of every request */
  readonly timeoutMs?: number;
}

export class User {
  readonly email = newAddress();
  private readonly site: Site;
  /** The session's cookie, as a request carries it. */
  private cookie = "";
  private token = "";

  constructor(site: Site) {
    this.site = site;
  }

  /** Creates the account, and gets the token with which the API knows it. */
  async signUp(): Promise<void> {
    const password = randomBytes(24).toString("base64url");
    const answer = await send(this.site, "/api/auth/sign-up/email", {
      method: "POST",
      body: { name: "Smoke test", email: this.email, password },
      headers: { Origin: this.site.url.origin },
    });
    expectAnswer(answer, 200);
    const cookies = answer.headers["set-cookie"] ?? [];
    // The answer is not shown: it names the session.
    if (!cookies.length) throw new Unexpected(`${answer.request}: 200, but no session cookie`);
    this.cookie = cookies.map((text) => text.split(";")[0]).join("; ");
    const issued = expectAnswer(await this.withCookie("/api/auth/token"), 200);
    const { token } = jsonOf(issued) as { readonly token?: string };
    if (!token) throw new Unexpected(`${issued.request}: 200, but no token`);
    this.token = token;
  }

  /** Requests a path as the browser of the user does. */
  withCookie(path: string): Promise<Answer> {
    return send(this.site, path, { headers: { Cookie: this.cookie } });
  }

  /** Calls the API. @throws Unexpected where the answer has another status */
  async call(method: string, path: string, { status = 200, ...call }: Call = {}): Promise<Answer> {
    const headers = { Authorization: `Bearer ${this.token}` };
    return expectAnswer(await send(this.site, path, { method, headers, ...call }), status);
  }
}
