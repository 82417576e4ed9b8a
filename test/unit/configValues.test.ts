/** Values that real stage files have: right ones that are unusual, and wrong ones that look right. */
import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import { quantityOf } from "../../components/kubernetes/resources.ts";
import { parseConfig } from "../../config.ts";
import { withKey, withKeys } from "./support/stages.ts";

const accepted = (key: string, value: unknown, stage = "dev") =>
  parseConfig(stage, withKey(stage, key, value));

function refusal(key: string, value: unknown, stage = "dev"): string {
  try {
    accepted(key, value, stage);
  } catch (error) {
    assert.ok(pulumi.RunError.isInstance(error));
    return error.message;
  }
  assert.fail(`${key} was accepted`);
}

describe("a quantity", () => {
  const values: Readonly<Record<string, number>> = {
    "1": 1,
    "0.5": 0.5,
    ".5": 0.5,
    "250m": 0.25,
    "512M": 512e6,
    "1.5Gi": 1.5 * 2 ** 30,
    "2e3": 2000,
    "1E6": 1e6,
    "1E": 1e18,
    "100k": 100e3,
    "64Ki": 65536,
  };
  for (const [text, value] of Object.entries(values))
    it(`${text} is ${value}`, () => assert.equal(quantityOf(text), value));
  for (const text of ["", "1KB", "1 Gi", "-1", "1.5.5", "Gi", "1gi", "0x10"])
    it(`"${text}" is none`, () => assert.ok(Number.isNaN(quantityOf(text))));
});

describe("a stage file may have", () => {
  it("CPU as a number, and memory in any unit", () => {
    const resources = { requests: { cpu: 0.5, memory: "512M" }, limits: { cpu: 1, memory: "1G" } };
    assert.deepEqual(accepted("backend", { resources }).backend.resources, {
      requests: { cpu: "0.5", memory: "512M" },
      limits: { cpu: "1", memory: "1G" },
    });
  });

  it("a repository with any separator of the distribution reference", () => {
    for (const repository of ["my--org/app", "a__b/c.d", "a-----b"])
      accepted("images", { registry: "ghcr.io", repository });
    for (const repository of ["a..b", "a___b", "-a", "a/", "A"])
      assert.match(
        refusal("images", { registry: "ghcr.io", repository }),
        /images\.repository is ".*"; allowed: a repository path/,
      );
  });

  it("a context with blanks in its name, or the name of a cloud", () => {
    for (const context of ["kind team a", "arn:aws:eks:eu-west-1:123:cluster/a"])
      assert.equal(accepted("kubernetesContext", context).kubernetesContext, context);
    assert.match(refusal("kubernetesContext", " minikube"), /the name of a context/);
  });

  it("a certificate with line ends of Windows and notes in front", () => {
    const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    const file = `# our authority\r\n${pem.replaceAll("\n", "\r\n")}`;
    const database = { mode: "external", caCertificate: file };
    assert.equal(accepted("database", database, "staging").database.caCertificate, pem);
    const fix = refusal("database", { mode: "external", caCertificate: "no PEM" }, "staging");
    assert.match(fix, /fix: .*'todo-app:database\.caCertificate' < file\.pem/);
  });
});

describe("the URL of an external database", () => {
  const url = (rest: string) => `postgresql://${rest}`;
  for (const right of [
    "todo:p%40ss%2F@db.example.com:5432/todo?sslmode=require",
    "todo@db/todo?sslmode=verify-full&connect_timeout=5&application_name=todo",
    "todo:a@ep-1.neon.tech/todo?sslmode=require&channel_binding=require",
  ])
    it(`may be ${right}`, () => void accepted("databaseUrl", url(right), "staging"));

  const wrong: Readonly<Record<string, RegExp>> = {
    "todo:can@ary@db.example.com/todo?sslmode=require":
      /user and password percent-encoded: @ is %40, : is %3A/,
    "todo:9/canary+def=@db.example.com:5432/todo?sslmode=require":
      /user and password percent-encoded/,
    "db.example.com/todo?sslmode=require": /user and password percent-encoded/,
    "todo:canary@db/?sslmode=require": /a URL that names the database behind the host/,
    "todo:canary@db/todo?sslmode=require&sslcert=client.crt&sslkey=k":
      /a URL without sslcert, sslkey: no pod has such a file/,
    "todo:canary@db/todo?sslmode=require&pgbouncer=true&schema=public":
      /a URL without pgbouncer, schema, which PostgreSQL's drivers refuse; they take sslmode, /,
    "todo:canary@db/todo?sslmode=require&uselibpqcompat=true": /a URL without uselibpqcompat/,
  };
  for (const [address, says] of Object.entries(wrong))
    it(`may not be ${address}, and is not shown`, () => {
      const message = refusal("databaseUrl", url(address), "staging");
      assert.match(message, says);
      assert.doesNotMatch(message, /canary|can@ary/);
    });
});

describe("the e-mail address for Let's Encrypt", () => {
  const tls = (email: string) => ({ issuer: "letsencrypt-staging", email });
  it("is one that can exist", () => void accepted("tls", tls("ops@todo-app.com"), "staging"));
  for (const email of ["ops@example.com", "ops@mail.example.org", "ops@team.test", "a@b.invalid"])
    it(`is not ${email}`, () =>
      assert.match(
        refusal("tls", tls(email), "staging"),
        /allowed: an e-mail address of a public domain/,
      ));
  it("does not matter to an ACME server of one's own", () => {
    const own = { issuer: "acme", server: "https://ca.team.test/acme", email: "ops@team.test" };
    parseConfig("staging", withKeys("staging", { tls: own }));
  });
});
