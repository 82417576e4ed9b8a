/** Calls the deployed app's API as a signed-up user, without a browser. */
import assert from "node:assert/strict";
import * as http from "node:http";
import * as https from "node:https";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface Call {
  /** @default GET */
  readonly method?: string;
  /** Sent as JSON. @default no body */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** PEM of the authority behind the host's certificate. @default plain HTTP */
  readonly ca?: string;
}

/** Longer than the app's own time-outs, so that the app times out first. */
const SILENCE_MS = 40_000;

/** Sends one request. Every stage is served at the same address; the host name selects the stage. */
export function send(
  host: string,
  path: string,
  { method = "GET", body, headers, ca }: Call = {},
): Promise<Answer> {
  const { request } = ca ? https : http;
  const content = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: "todo-app.local",
        servername: host,
        ca,
        path,
        method,
        headers: {
          Host: host,
          ...(content && {
            "Content-Type": "application/json",
            "Content-Length": Buffer.byteLength(content),
          }),
          ...headers,
        },
        timeout: SILENCE_MS,
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: text }),
        );
      },
    );
    // This handler comes first: once an answer has begun, its reader gets no other error than "aborted".
    call.on("timeout", () => {
      reject(new Error(`${method} ${path}: nothing came for ${SILENCE_MS / 1000} s`));
      call.destroy();
    });
    call.on("error", reject);
    call.end(content);
  });
}

/** A user of the deployed app. */
export interface Account {
  readonly host: string;
  readonly email: string;
  readonly password: string;
  /** The session's cookie, as the value of a request header. */
  readonly cookie: string;
  /** PEM of the authority behind the host's certificate; absent where the app speaks plain HTTP. */
  readonly ca?: string;
}

/** Begins a session. @param path of the form that is sent */
async function begin(path: string, user: Omit<Account, "cookie">): Promise<Account> {
  const { host, email, password, ca } = user;
  const answer = await send(host, `/api/auth/${path}/email`, {
    method: "POST",
    body: { name: "Test User", email, password },
    headers: { Origin: `${ca ? "https" : "http"}://${host}` },
    ca,
  });
  assert.equal(answer.status, 200, answer.body);
  const cookies = [answer.headers["set-cookie"] ?? []].flat();
  return { ...user, cookie: cookies.map((text) => text.split(";")[0]).join("; ") };
}

/** Signs up a new user. */
export function signUp(host = "todo-app.local", ca?: string): Promise<Account> {
  const email = `user-${Date.now()}-${Math.random().toString(36).slice(2)}@example.com`;
  return begin("sign-up", { host, email, password: "correct horse battery", ca });
}

/** Signs a user in again. */
export const signIn = (account: Account): Promise<Account> => begin("sign-in", account);

/** The header that authenticates the user to the API; it is valid for minutes. */
export async function authorization({
  host,
  cookie,
  ca,
}: Account): Promise<{ Authorization: string }> {
  const answer = await send(host, "/api/auth/token", { headers: { Cookie: cookie }, ca });
  assert.equal(answer.status, 200, answer.body);
  return { Authorization: `Bearer ${(JSON.parse(answer.body) as { token: string }).token}` };
}

/** Calls the API as the user and returns the answer, which must be a success. */
export async function callApi(account: Account, path: string, call: Call = {}): Promise<any> {
  const headers = { ...(await authorization(account)), ...call.headers };
  const answer = await send(account.host, path, { ...call, headers, ca: account.ca });
  assert.ok(
    answer.status < 300,
    `${call.method ?? "GET"} ${path}: ${answer.status} ${answer.body}`,
  );
  return answer.body ? JSON.parse(answer.body) : undefined;
}
