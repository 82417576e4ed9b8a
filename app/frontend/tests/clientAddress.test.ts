import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { cameThroughProxy, clientAddress, nameClients } from "@/lib/clientAddress";
import { answerProbes } from "@/lib/health";

const PEER = "10.0.0.9";

test("the client is as many addresses from the right as there are trusted proxies", () => {
  for (const [forwarded, proxies, found] of [
    ["203.0.113.7", 1, "203.0.113.7"],
    ["1.1.1.1, 203.0.113.7", 1, "203.0.113.7"],
    ["1.1.1.1, 203.0.113.7,10.0.0.1", 2, "203.0.113.7"],
    ["1.1.1.1, 203.0.113.7", 0, PEER],
    ["2001:db8::1", 1, "2001:db8::1"],
    ["[2001:db8::1]:4711", 1, "2001:db8::1"],
    ["203.0.113.7:4711", 1, "203.0.113.7"],
  ] as const)
    assert.equal(clientAddress(forwarded, proxies, PEER), found, forwarded);
});

test("without an address of the client, the address of the connection counts", () => {
  for (const forwarded of ["", "unknown", "203.0.113.7, ", "_hidden", "999.1.1.1"])
    assert.equal(clientAddress(forwarded, 1, PEER), PEER, forwarded);
  assert.equal(clientAddress("203.0.113.7", 2, PEER), PEER);
});

const health = answerProbes({ status: "ok" });
const server = createServer((incoming, outgoing) => {
  const headers = new Headers(incoming.headers as Record<string, string>);
  const { status } = health(new Request("http://pod/health", { headers }));
  const proxied = cameThroughProxy(headers);
  outgoing.writeHead(status).end(JSON.stringify([headers.get("x-client-address"), proxied]));
});
before(() => {
  nameClients({ header: "cf-connecting-ip", proxies: 1 });
  return new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
after(() => server.close());

function ask(headers: Record<string, string>): Promise<{ status: number; seen: unknown }> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const asking = request({ port, host: "127.0.0.1", headers }, (got) => {
      got.on("data", (data) => resolve({ status: got.statusCode!, seen: JSON.parse(`${data}`) }));
    });
    asking.on("error", reject).end();
  });
}

test("only the configured header names the client, and a client can't forge the result", async () => {
  const forged = { "x-client-address": "1.1.1.1", "x-real-ip": "1.1.1.1", "x-through-proxy": "" };
  const { seen } = await ask(forged);
  assert.deepEqual(seen, ["127.0.0.1", true]);
  const named = await ask({ ...forged, "cf-connecting-ip": "203.0.113.7" });
  assert.deepEqual(named.seen, ["203.0.113.7", true]);
});

test("probes get the health, and requests through a proxy get 404", async () => {
  assert.equal((await ask({})).status, 200);
  assert.equal((await ask({ "x-through-proxy": "1" })).status, 200);
  for (const header of ["x-forwarded-for", "x-real-ip", "forwarded", "cf-connecting-ip"])
    assert.equal((await ask({ [header]: "203.0.113.7" })).status, 404, header);
});
