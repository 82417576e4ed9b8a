import { createServer, request, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { Client } from "pg";
import { TlsServer } from "@/tests/postgres";

const FAILED_SIGN_INS = `create table auth_failed_sign_in
  (account text primary key, count int not null, since timestamptz not null)`;

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

interface Question {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: object | Readable;
}

/** Serves /api/auth with an empty database. */
export class Accounts {
  private readonly database = new TlsServer();
  private server?: Server;

  async start(environment: Record<string, string>): Promise<void> {
    await this.database.start();
    const url = `postgresql://postgres@127.0.0.1:${this.database.port}/postgres?sslmode=require`;
    Object.assign(process.env, { DATABASE_URL: url, ...environment });
    const { settings } = await import("@/lib/settings");
    const { nameClients } = await import("@/lib/clientAddress");
    const { handleAuth } = await import("@/lib/auth");
    await this.createTables();
    nameClients({ header: settings().CLIENT_IP_HEADER, proxies: settings().TRUSTED_PROXIES });
    this.server = createServer(async (incoming, outgoing) => {
      const answer = await handleAuth(asRequest(incoming));
      outgoing.writeHead(answer.status, [...answer.headers].flat());
      outgoing.end(Buffer.from(await answer.arrayBuffer()));
    });
    await new Promise<void>((resolve) => this.server!.listen(0, "127.0.0.1", resolve));
  }

  async stop(): Promise<void> {
    this.server?.close();
    await (await import("@/lib/database")).pool().end();
    this.database.stop();
  }

  /** Runs a statement in the database. */
  async query(statement: string): Promise<void> {
    const { port } = this.database;
    const ssl = { rejectUnauthorized: false };
    const client = new Client({ host: "127.0.0.1", port, user: "postgres", ssl });
    await client.connect();
    await client.query(statement);
    await client.end();
  }

  ask(path: string, { method = "POST", headers = {}, body }: Question = {}): Promise<Answer> {
    const { port } = this.server!.address() as AddressInfo;
    const json = body && !(body instanceof Readable) && JSON.stringify(body);
    const sent = { ...(body && { "content-type": "application/json" }), ...headers };
    return new Promise((resolve, reject) => {
      const options = { port, host: "127.0.0.1", path: `/api/auth${path}`, method, headers: sent };
      const asking = request(options, async (got) =>
        resolve({ status: got.statusCode!, headers: got.headers, body: await text(got) }),
      );
      asking.on("error", reject);
      if (body instanceof Readable) body.pipe(asking);
      else asking.end(json);
    });
  }

  private async createTables(): Promise<void> {
    const { auth } = await import("@/lib/auth");
    const { getMigrations } = await import("better-auth/db/migration");
    await (await getMigrations(auth().options)).runMigrations();
    await this.query(FAILED_SIGN_INS);
  }
}

function asRequest(incoming: IncomingMessage): Request {
  const { method = "GET", url, headers } = incoming;
  const init: RequestInit & { duplex: "half" } = {
    method,
    headers: headers as Record<string, string>,
    duplex: "half",
  };
  if (method === "POST") init.body = Readable.toWeb(incoming) as unknown as ReadableStream;
  return new Request(`http://todo.example.com${url}`, init);
}
