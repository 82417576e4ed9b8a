/** TLS to the database, against a PostgreSQL that rejects connections without TLS. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Client } from "pg";
import { tlsOptions } from "@/lib/databaseTls";
import { OTHER_NAME, TlsServer } from "@/tests/postgres";

const server = new TlsServer();
before(() => server.start());
after(() => server.stop());

async function isEncrypted(mode: string, host: string, ca?: "ca" | "other-ca"): Promise<boolean> {
  const pem = ca && readFileSync(`${server.directory}/${ca}.crt`, "utf8");
  const { port } = server;
  const ssl = tlsOptions(mode, pem);
  const client = new Client({ host, port, user: "postgres", database: "postgres", ssl });
  await client.connect();
  const question = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
  const { rows } = await client.query(question);
  await client.end();
  return rows[0].ssl;
}

test("require encrypts and checks no certificate", async () => {
  assert.ok(await isEncrypted("require", "127.0.0.1"));
  assert.ok(await isEncrypted("require", OTHER_NAME));
});

test("verify-full accepts a certificate of the CA", async () => {
  assert.ok(await isEncrypted("verify-full", "127.0.0.1", "ca"));
  assert.ok(await isEncrypted("verify-full", "localhost", "ca"));
});

test("the other modes do not check the host name", async () => {
  assert.ok(await isEncrypted("require", OTHER_NAME, "ca"));
  assert.ok(await isEncrypted("verify-ca", OTHER_NAME, "ca"));
});

test("a certificate of another CA is refused", async () => {
  for (const mode of ["require", "verify-ca", "verify-full"])
    await assert.rejects(isEncrypted(mode, "127.0.0.1", "other-ca"), /certificate/, mode);
});

test("verify-full refuses another host name", async () => {
  await assert.rejects(isEncrypted("verify-full", OTHER_NAME, "ca"), /does not match certificate/);
});

test("without a CA file verify-full uses the public CAs", async () => {
  await assert.rejects(isEncrypted("verify-full", "127.0.0.1"), /certificate/);
});

test("the server refuses connections without TLS", async () => {
  await assert.rejects(isEncrypted("disable", "127.0.0.1"), /no encryption/);
});
