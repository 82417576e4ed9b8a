import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { readSettings } from "@/lib/settings";

const directory = mkdtempSync(`${tmpdir()}/todo-settings-`);
after(() => rmSync(directory, { recursive: true }));

const URL = "postgresql://todo:s3cret@db:5432/todo";
const LONG = "s3cret-".repeat(6);
const MINIMAL = {
  BACKEND_URL: "http://backend:8000",
  FRONTEND_URL: "http://todo.example.com",
  DATABASE_URL: URL,
  BETTER_AUTH_SECRET: LONG,
};

function file(name: string, content: string | Buffer): string {
  const path = `${directory}/${name}`;
  writeFileSync(path, content);
  return path;
}

const read = (more: Record<string, string> = {}) =>
  readSettings({ ...MINIMAL, ...more } as unknown as NodeJS.ProcessEnv);

function problems(more: Record<string, string>): string[] {
  let message = "";
  assert.throws(
    () => read(more),
    (error: Error) => ((message = error.message), true),
  );
  assert.doesNotMatch(message, /s3cret/);
  return message.split("\n");
}

test("optional settings have defaults", () => {
  const settings = read({ BETTER_AUTH_SECRET_PREVIOUS: "", DATABASE_CA_FILE: "" });
  assert.equal(settings.METRICS_PORT, 9464);
  assert.equal(settings.HSTS_MAX_AGE, undefined);
  assert.equal(settings.DATABASE_CA_FILE, undefined);
  assert.equal(settings.HTTPS_REDIRECT, true);
  assert.deepEqual(settings.PUBLIC_URLS, []);
  assert.deepEqual([settings.CLIENT_IP_HEADER, settings.TRUSTED_PROXIES], ["x-forwarded-for", 1]);
});

test("settings about proxies and addresses are read", () => {
  const settings = read({
    CLIENT_IP_HEADER: "CF-Connecting-IP",
    TRUSTED_PROXIES: "0",
    HTTPS_REDIRECT: "false",
    PUBLIC_URLS: "http://todo.example.com:8080/, https://todo.example.org",
  });
  assert.deepEqual([settings.CLIENT_IP_HEADER, settings.TRUSTED_PROXIES], ["cf-connecting-ip", 0]);
  assert.equal(settings.HTTPS_REDIRECT, false);
  assert.deepEqual(settings.PUBLIC_URLS, [
    "http://todo.example.com:8080",
    "https://todo.example.org",
  ]);
});

test("wrong settings about proxies and addresses are refused", () => {
  const found = problems({
    PUBLIC_URLS: "todo.example.com,https://*.example.com,http://a.example.com/path",
    HTTPS_REDIRECT: "no",
    CLIENT_IP_HEADER: "x forwarded for",
    TRUSTED_PROXIES: "-1",
  });
  const origins = ["todo.example.com", "https://*.example.com", "http://a.example.com/path"];
  assert.deepEqual(found, [
    ...origins.map(
      (origin) =>
        `PUBLIC_URLS: "${origin}" is not valid; expected origins like https://todo.example.com:8443`,
    ),
    'HTTPS_REDIRECT: "no" is neither true nor false',
    'CLIENT_IP_HEADER: "x forwarded for" is not the name of a header, like x-forwarded-for',
    'TRUSTED_PROXIES: "-1" is not a number of proxies from 0 to 9',
  ]);
});

test("with an https FRONTEND_URL, every other address must be https, too", () => {
  const FRONTEND_URL = "https://todo.example.com";
  assert.deepEqual(problems({ FRONTEND_URL, PUBLIC_URLS: "http://todo.example.org" }), [
    "PUBLIC_URLS: must contain only https:// origins: with FRONTEND_URL https://, cookies need HTTPS",
  ]);
});

test("secrets are read from files, without the newline at their end", () => {
  const settings = read({
    DATABASE_URL: "",
    DATABASE_URL_FILE: file("url", `${URL}\n`),
    BETTER_AUTH_SECRET: "",
    BETTER_AUTH_SECRET_FILE: file("secret", ` ${LONG}\n\n`),
    BETTER_AUTH_SECRET_PREVIOUS_FILE: file("previous", `${LONG}\r\n`),
  });
  assert.equal(settings.DATABASE_URL, URL);
  assert.equal(settings.BETTER_AUTH_SECRET, ` ${LONG}\n`);
  assert.equal(settings.BETTER_AUTH_SECRET_PREVIOUS, LONG);
});

test("an empty file counts as not set", () => {
  const { BETTER_AUTH_SECRET_PREVIOUS } = read({
    BETTER_AUTH_SECRET_PREVIOUS_FILE: file("empty", "\n"),
  });
  assert.equal(BETTER_AUTH_SECRET_PREVIOUS, undefined);
});

test("every secret that can't be read is named, and none is shown", () => {
  const notText = file("bytes", Buffer.from("s3cret \xff", "latin1"));
  const found = problems({
    DATABASE_URL_FILE: file("url", URL),
    BETTER_AUTH_SECRET: "",
    BETTER_AUTH_SECRET_FILE: `${directory}/missing`,
    BETTER_AUTH_SECRET_PREVIOUS_FILE: notText,
    HSTS_MAX_AGE: "a year",
  });
  assert.deepEqual(found, [
    'HSTS_MAX_AGE: "a year" is not a number of seconds',
    "DATABASE_URL, DATABASE_URL_FILE: both are set; keep one of them",
    `BETTER_AUTH_SECRET_FILE: ${directory}/missing can't be read: ENOENT`,
    `BETTER_AUTH_SECRET_PREVIOUS_FILE: ${notText} can't be read: ERR_ENCODING_INVALID_ENCODED_DATA`,
  ]);
});

test("a database URL that asks for less than it seems to is refused", () => {
  const modes = "disable, require, verify-ca, verify-full";
  for (const [query, problem] of [
    ["sslmode=prefer", `DATABASE_URL: sslmode must be one of ${modes}`],
    ["sslmode=verify-ca", "DATABASE_CA_FILE: is not set, but DATABASE_URL has sslmode=verify-ca"],
    [
      "sslmode=require&sslrootcert=/ca",
      "DATABASE_URL: sslrootcert is not supported; name the file in DATABASE_CA_FILE",
    ],
  ])
    assert.deepEqual(problems({ DATABASE_URL: `${URL}?${query}` }), [problem]);
});

test("a file without a certificate is refused", () => {
  const wrong = file("ca.crt", "no certificate");
  assert.deepEqual(problems({ DATABASE_CA_FILE: wrong }), [
    `DATABASE_CA_FILE: ${wrong} contains no certificate in PEM format`,
  ]);
  assert.deepEqual(problems({ DATABASE_CA_FILE: directory }), [
    `DATABASE_CA_FILE: ${directory} can't be read: EISDIR`,
  ]);
});
