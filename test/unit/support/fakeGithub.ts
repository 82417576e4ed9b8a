/** A server that answers as the API of GitHub does for issues, pull requests and their comments. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

interface Comment {
  readonly id: number;
  readonly body: string;
  readonly html_url: string;
  readonly user: { readonly type: string };
  readonly author_association?: string;
}

interface Issue {
  readonly number: number;
  readonly title: string;
  readonly body: string | null;
  readonly state: string;
  readonly labels: readonly string[];
  readonly html_url: string;
}

const PAGE = 100;

/** The API of one repository. Every call must have the token `token`. */
export class FakeGithub {
  comments: Comment[] = [];
  issues: Issue[] = [];
  /** Method and path of each call. */
  calls: string[] = [];
  /** The status with which every call is answered; none: calls are answered as they should be. */
  refuse: number | undefined;
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      void this.answer(request).then(([status, body]) =>
        response.writeHead(status).end(JSON.stringify(body)),
      );
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** The repository as the commands name it. */
  get repository() {
    const { port } = this.server.address() as AddressInfo;
    return { repository: "acme/todo-app", api: `http://127.0.0.1:${port}`, token: "token" };
  }

  private async answer(request: IncomingMessage): Promise<readonly [number, unknown]> {
    const { method, url = "", headers } = request;
    this.calls.push(`${method} ${url}`);
    assert.equal(headers.authorization, "Bearer token");
    if (this.refuse) return [this.refuse, { message: "no" }];
    const body = await text(request);
    const { pathname, searchParams } = new URL(url, "http://github");
    const [kind, id, below] = pathname.replace("/repos/acme/todo-app/", "").split("/");
    assert.equal(kind, "issues");
    if (method === "GET") {
      const list = below ? this.comments : this.wanted(searchParams);
      const page = Number(searchParams.get("page"));
      return [200, list.slice((page - 1) * PAGE, page * PAGE)];
    }
    const given = JSON.parse(body) as Partial<Issue>;
    return id === "comments" || below
      ? [200, this.writeComment(Number(below), given.body!)]
      : [200, this.writeIssue(Number(id), given)];
  }

  private wanted(query: URLSearchParams): readonly Issue[] {
    return this.issues.filter(
      ({ state, labels }) =>
        state === query.get("state") && labels.includes(query.get("labels") ?? ""),
    );
  }

  /** @param id that of the comment to change; NaN: a new one */
  private writeComment(id: number, body: string): Comment {
    const number = Number.isNaN(id) ? this.comments.length + 1 : id;
    const user = { type: "Bot" };
    const written = { id: number, body, html_url: `https://example.com/${number}`, user };
    this.comments = [...this.comments.filter((each) => each.id !== number), written];
    return written;
  }

  /** @param id the number of the issue to change; NaN: a new one */
  private writeIssue(id: number, given: Partial<Issue>): Issue {
    const number = Number.isNaN(id) ? this.issues.length + 1 : id;
    const before = this.issues.find((each) => each.number === number);
    const written = {
      ...{ title: "", body: null, state: "open", labels: [] },
      ...before,
      ...given,
      number,
      html_url: `https://example.com/${number}`,
    };
    this.issues = [...this.issues.filter((each) => each !== before), written];
    return written;
  }
}
