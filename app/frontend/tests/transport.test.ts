import assert from "node:assert/strict";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { redirectToHttps, sendHsts } from "@/lib/transport";

const ORIGIN = "https://todo.example.com";
const server = createServer((_, response) => response.writeHead(204).end());

before(() => {
  sendHsts(600);
  redirectToHttps(ORIGIN);
  return new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
after(() => server.close());

function answer(path: string, forwardedProto?: string, method = "GET"): Promise<IncomingMessage> {
  const { port } = server.address() as AddressInfo;
  const headers: Record<string, string> = { host: "evil.example" };
  if (forwardedProto) headers["x-forwarded-proto"] = forwardedProto;
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: "127.0.0.1", path, method, headers }, (got) =>
      resolve(got.resume()),
    );
    sent.on("error", reject).end(method === "POST" ? "body" : undefined);
  });
}

test("requests without TLS are redirected to the public origin, with path and query", async () => {
  for (const [path, led, method] of [
    ["/", "/"],
    ["/sign-in/?a=%20b&_rsc=1", "/sign-in/?a=%20b&_rsc=1"],
    ["/api/auth/sign-in/email", "/api/auth/sign-in/email", "POST"],
    ["/no/such/path", "/no/such/path", "PROPFIND"],
    ["//evil.example/x", "//evil.example/x"],
    ["http://evil.example", "/"],
    ["http://evil.example/x?y", "/x?y"],
    ["/?next=http://evil.example", "/?next=http://evil.example"],
    ["/healthy", "/healthy"],
    ["*", "/*", "OPTIONS"],
  ]) {
    const { statusCode, headers } = await answer(path!, "http", method);
    assert.equal(statusCode, 308, path);
    assert.equal(headers.location, ORIGIN + led!, path);
    assert.equal(headers["strict-transport-security"], "max-age=600");
  }
});

test("other requests are not redirected", async () => {
  for (const [path, proto] of [
    ["/", "https"],
    ["/", undefined],
    ["/health", "http"],
    ["/health/ready?x", "http"],
    ["/.well-known/acme-challenge/token", "http"],
  ]) {
    const { statusCode, headers } = await answer(path!, proto);
    assert.equal(statusCode, 204, path);
    assert.equal(headers["strict-transport-security"], "max-age=600");
  }
});
