/** Answers of a stage with a certificate, with either API for the route. */
import assert from "node:assert/strict";
import { send } from "../support/api.ts";
import { eventually } from "../support/shell.ts";
import { servedCertificate, userWithTask, type Stage } from "./support.ts";

const redirected = [301, 308];

/** Declares the tests; `root` returns the authority's certificate, which is known only when the tests run. */
export function servesOverHttps(stage: Stage, root: () => string): void {
  const { host } = stage;
  const get = (path: string) => send(host, path, { ca: root() });

  it("answers with a certificate for its host only, with a chain to the authority's root", async () => {
    await eventually(60, async () => {
      const { subjectaltname } = await servedCertificate(host, root());
      assert.equal(subjectaltname, `DNS:${host}`);
    });
    await assert.rejects(
      servedCertificate(host, root(), `other.${host}`),
      /unable to verify|self.signed|altnames/i,
    );
  });

  for (const path of ["/", "/api/tasks?x=1", "/api/auth/ok?a=b&c=d", "/no/such/page?x=%2F"])
    it(`redirects http://${host}${path} to the same place over HTTPS`, async () => {
      await eventually(60, async () => {
        const { status, headers } = await send(host, path);
        assert.ok(redirected.includes(status), `status ${status}`);
        assert.equal(headers.location, `https://${host}${path}`);
      });
    });

  it("redirects POST as well, and lets nothing through over HTTP", async () => {
    const { status, headers } = await send(host, "/api/tasks", { method: "POST", body: {} });
    assert.ok(redirected.includes(status), `status ${status}`);
    assert.equal(headers.location, `https://${host}/api/tasks`);
  });

  it("tells browsers to use HTTPS from now on, on pages and on the API", async () => {
    for (const path of ["/sign-in", "/api/openapi.json", "/api/auth/ok"]) {
      const { status, headers } = await get(path);
      assert.equal(status, 200, path);
      assert.match(String(headers["strict-transport-security"]), /^max-age=31536000\b/, path);
    }
  });

  it("routes / and /api/auth to the frontend and /api to the backend, by whole path elements", async () => {
    assert.match((await get("/sign-in")).body, /<html/);
    assert.equal((await get("/api/auth/ok")).body, '{"ok":true}');
    assert.match((await get("/api/openapi.json")).body, /"title":"Todo API"/);
    const beside = await get("/apis");
    assert.equal(beside.status, 404);
    assert.match(String(beside.headers["content-type"]), /html/);
  });

  it("signs users up and keeps their tasks, with cookies that are sent over HTTPS only", async () => {
    const { account, keepsTask } = await userWithTask(stage, root());
    await keepsTask();
    const { email, password, ca } = account;
    const answer = await send(host, "/api/auth/sign-in/email", {
      method: "POST",
      body: { email, password },
      headers: { Origin: `https://${host}` },
      ca,
    });
    assert.equal(answer.status, 200, answer.body);
    const cookies = answer.headers["set-cookie"] ?? [];
    assert.ok(cookies.length > 0);
    for (const cookie of cookies) assert.match(cookie, /^__Secure-.*; HttpOnly.*; *Secure/i);
  });
}
