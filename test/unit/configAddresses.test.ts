/** Addresses in stage files: of the app, its controller, its database, and the people who run it. */
import assert from "node:assert/strict";
import { parseConfig } from "../../config/load.ts";
import { accepted, refusal } from "./support/configuration.ts";
import { stageConfig, withKeys } from "./support/stages.ts";

describe("the route's controller", () => {
  it("is Traefik by default, and is allowed in from the usual namespace of its class", () => {
    const { className, namespace } = accepted("route", {}).address.route;
    assert.deepEqual([className, namespace], ["traefik", "traefik"]);
    assert.equal(
      accepted("route", { className: "nginx" }).address.route.namespace,
      "ingress-nginx",
    );
    const own = { className: "nginx", namespace: "edge" };
    assert.equal(accepted("route", own).address.route.namespace, "edge");
  });

  it("must have its namespace stated for other classes: it is not guessed", () => {
    assert.equal(
      refusal("route", { className: "haproxy" }),
      "the configuration of stack dev has 1 problem:\n" +
        "  todo-app:route.namespace is missing; allowed: the namespace of the controller's pods; only the classes nginx and traefik have a default\n" +
        "    fix: pulumi config set --stack dev --path 'todo-app:route.namespace' <value>",
    );
    accepted("route", { className: "haproxy", namespace: "haproxy" });
  });
});

describe("the public URL", () => {
  it("follows from host and TLS", () => {
    assert.equal(parseConfig("dev", stageConfig("dev")).address.publicUrl, "http://todo-app.local");
    const { publicUrl } = parseConfig("staging", stageConfig("staging")).address;
    assert.equal(publicUrl, "https://staging.todo-app.com");
  });

  it("can be set, for a forwarded port or a proxy that ends TLS; with https, browsers are told to stay on HTTPS", () => {
    const http = accepted("publicUrl", "http://localhost:8080");
    assert.equal(http.address.publicUrl, "http://localhost:8080");
    assert.equal(http.settings.HSTS_MAX_AGE, undefined);
    const https = accepted("publicUrl", "https://todo.example.com:8443");
    assert.equal(https.address.publicUrl, "https://todo.example.com:8443");
    const { HSTS_MAX_AGE, HTTPS_REDIRECT } = https.settings;
    assert.deepEqual([HSTS_MAX_AGE, HTTPS_REDIRECT], ["31536000", "false"]);
  });

  it("is an origin", () => {
    for (const url of [
      "todo.example.com",
      "https://a.b/",
      "https://a.b/x",
      "https://u@a.b",
      "ftp://a",
    ])
      assert.match(
        refusal("publicUrl", url),
        /todo-app:publicUrl is ".*"; allowed: an http\(s\) URL without a path, such as https:\/\/todo\.example\.com:8443\n/,
      );
    assert.match(
      refusal("publicUrl", "http://todo-app.com", "staging"),
      /publicUrl is "http:\/\/todo-app\.com"; allowed: an https URL, because tls\.issuer is letsencrypt-staging\n/,
    );
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

  const form =
    /allowed: postgresql:\/\/user:password@host:port\/database\?sslmode=verify-full, user and password percent-encoded: @ is %40, : is %3A, \/ is %2F, \? is %3F, # is %23, % is %25\n/;
  for (const address of [
    "todo:can?ary@db/todo?sslmode=require",
    "todo:can#ary@db/todo?sslmode=require",
    "todo:9@8/canary?7=6@db/todo?sslmode=require",
    "todo:canary%@db/todo?sslmode=require",
    "todo:canary@db:0/todo?sslmode=require",
    "todo:canary@db:65536/todo?sslmode=require",
    "todo:canary@one,two/todo?sslmode=require",
    "todo:canary@db/todo?sslmode=require#x",
    "todo:canary@/todo?host=%2Frun",
  ])
    it(`may not be ${address}, and is not shown`, () => {
      const message = refusal("databaseUrl", url(address), "staging");
      assert.match(message, form);
      assert.doesNotMatch(message, /canary|can[?#]ary|\b7\b/);
    });

  const wrong: Readonly<Record<string, RegExp>> = {
    "todo:canary@db/todo?sslmode=require&sslrootcert=ca.pem":
      /allowed: a URL without sslrootcert: the PEM belongs to database\.caCertificate\n/,
    "todo:canary@db/todo?sslmode=require&sslmode=disable":
      /allowed: a URL that has sslmode only once\n/,
    "todo:canary@db":
      /allowed: a URL with the database's name after the host: postgresql:\/\/…\/database\?…\n/,
    "todo:can@ary@db.example.com/todo?sslmode=require":
      /user and password percent-encoded: @ is %40, : is %3A/,
    "todo:9/canary+def=@db.example.com:5432/todo?sslmode=require":
      /user and password percent-encoded/,
    "db.example.com/todo?sslmode=require": /user and password percent-encoded/,
    "todo:canary@db/?sslmode=require": /a URL with the database's name after the host/,
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
  it("may be one of a public domain", () =>
    void accepted("tls", tls("ops@todo-app.com"), "staging"));
  it("may have a subdomain, and a long or internationalised top-level domain", () => {
    for (const email of ["ops@mail.todo-app.com", "ops+tls@todo.photography", "ops@a.xn--p1ai"])
      accepted("tls", tls(email), "staging");
  });
  for (const email of [
    "ops@Example.COM",
    "ops@team.corp",
    "ops@10.0.0.1",
    "öps@todo-app.com",
    "ops@todo-app.com.",
    "ops@example.com",
    "ops@mail.example.org",
    "ops@team.test",
    "a@b.invalid",
  ])
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
