/** An app that answers as the deployed one does, and can be made to misbehave. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Certificate } from "./certificate.ts";

interface Task {
  readonly id: string;
  readonly owner: string;
  title: string;
  completed: boolean;
}

interface Reply {
  /** 0: no answer ever comes. */
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers a request; undefined leaves it to the app. */
export type Misbehaviour = (request: string, user?: string) => Reply | undefined;

const FORM = '<title>Sign in – Todo</title><input name="password" type="password">';

export class FakeApp {
  /** Every request, as in "GET /sign-in". */
  readonly requests: string[] = [];
  /** The addresses of all accounts. */
  readonly accounts = new Set<string>();
  tasks: Task[] = [];
  misbehave: Misbehaviour = () => undefined;
  private readonly server: http.Server;

  /** @param chain the server's certificate, and those between it and the root @default plain HTTP */
  constructor(chain: readonly Certificate[] = []) {
    const answer: http.RequestListener = (request, response) => void this.answer(request, response);
    const [own] = chain;
    this.server = own
      ? https.createServer(
          {
            key: own.privateKey.export({ type: "pkcs8", format: "pem" }),
            cert: chain.map(({ pem }) => pem).join(""),
          },
          answer,
        )
      : http.createServer(answer);
  }

  /** @returns the port */
  async start(): Promise<number> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return (this.server.address() as AddressInfo).port;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Deletes these accounts, as a backend pod does. */
  readonly deleteAccounts = (emails: readonly string[]): Promise<number> => {
    this.tasks = this.tasks.filter(({ owner }) => !emails.includes(owner));
    return Promise.resolve(emails.filter((email) => this.accounts.delete(email)).length);
  };

  private async answer(request: http.IncomingMessage, response: http.ServerResponse) {
    const content = await text(request);
    const body = (content ? JSON.parse(content) : {}) as Record<string, any>;
    const line = `${request.method} ${request.url}`;
    this.requests.push(line);
    const { cookie = "", authorization = "" } = request.headers;
    const named = cookie.replace("session=", "") || authorization.replace("Bearer ", "");
    const user = this.accounts.has(named) ? named : undefined;
    const reply = this.misbehave(line, user) ?? this.reply(line, body, user);
    const { status, body: answer, headers } = reply;
    if (status === 0) return;
    response.writeHead(status, headers);
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
  }

  private reply(line: string, body: Record<string, any>, user?: string): Reply {
    if (line === "POST /api/auth/sign-up/email") {
      this.accounts.add(body.email as string);
      const headers = { "Set-Cookie": `session=${body.email}; HttpOnly` };
      return { status: 200, body: {}, headers };
    }
    if (line === "GET /api/openapi.json")
      return { status: 200, body: { info: { title: "Todo API", version: "1.0" } } };
    if (line === "GET /sign-in") return { status: 200, body: FORM };
    if (line === "GET /" && !user) return { status: 307, headers: { Location: "/sign-in" } };
    if (!user) return { status: 401 };
    if (line === "GET /") return { status: 200, body: JSON.stringify(this.tasks) };
    if (line === "GET /api/auth/token") return { status: 200, body: { token: user } };
    if (line.endsWith(" /api/chat")) return this.chat(line);
    return this.replyAboutTasks(line, body, user);
  }

  private chat(line: string): Reply {
    if (line.startsWith("GET")) return { status: 200, body: { provider: "builtin", model: null } };
    const events = [{ type: "text", text: "Nothing is due." }, { type: "done" }];
    return { status: 200, body: events.map((event) => `${JSON.stringify(event)}\n`).join("") };
  }

  private replyAboutTasks(line: string, body: Record<string, any>, owner: string): Reply {
    const own = this.tasks.filter((task) => task.owner === owner);
    if (line === "GET /api/tasks") return { status: 200, body: { items: own } };
    if (line === "POST /api/tasks") {
      const task = { id: randomUUID(), owner, title: body.title as string, completed: false };
      this.tasks.push(task);
      return { status: 201, body: task };
    }
    const task = own.find(({ id }) => line.endsWith(`/api/tasks/${id}`));
    if (!task) return { status: 404 };
    if (line.startsWith("DELETE")) {
      this.tasks = this.tasks.filter((other) => other !== task);
      return { status: 204 };
    }
    return { status: 200, body: Object.assign(task, body) };
  }
}
