/** In place of GitHub's service for identities: gives jobs the short-lived tokens of ServiceAccounts, which the cluster knows. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

const SECRET = "of-the-job";

export class Identity {
  /** For whom each token was asked for. */
  audiences: string[] = [];
  /** The token for each audience. */
  tokens: Readonly<Record<string, string>> = {};
  private readonly server: Server;

  constructor() {
    this.server = createServer(({ url = "", headers }, response) => {
      assert.equal(headers.authorization, `Bearer ${SECRET}`);
      const audience = new URL(url, "http://github").searchParams.get("audience") ?? "";
      this.audiences.push(audience);
      const value = this.tokens[audience];
      response.writeHead(value ? 200 : 404).end(JSON.stringify({ value }));
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** What GitHub sets for a job with `id-token: write`. */
  get env() {
    const { port } = this.server.address() as AddressInfo;
    return {
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?version=1`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: SECRET,
    };
  }
}
