import assert from "node:assert/strict";
import { APP_URL, useVisitors } from "./support.ts";

describe("the data of one user", () => {
  const { signUp } = useVisitors();

  it("is neither visible to another user nor changed by one", async () => {
    const [ada, eve] = [await signUp(), await signUp()];
    const { body: secret } = await ada.api("POST", "/api/tasks", {
      title: "Only for Ada",
      tags: ["secret"],
    });
    const { body: deleted } = await ada.api("POST", "/api/tasks", { title: "Deleted by Ada" });
    await ada.api("DELETE", `/api/tasks/${deleted.id}`);
    await eve.open();
    await eve.page.getByText("Nothing to do yet").waitFor();
    assert.doesNotMatch(await eve.page.content(), /Only for Ada|secret/);
    for (const [method, path, data] of [
      ["GET", `/api/tasks/${secret.id}`],
      ["PATCH", `/api/tasks/${secret.id}`, { title: "Eve was here" }],
      ["DELETE", `/api/tasks/${secret.id}`],
      ["POST", `/api/tasks/${deleted.id}/restore`],
    ] as const)
      assert.equal((await eve.api(method, path, data)).status, 404, `${method} ${path}`);
    assert.equal((await ada.api("GET", `/api/tasks/${secret.id}`)).body.title, "Only for Ada");
    assert.deepEqual((await eve.api("GET", "/api/tasks/summary")).body.tags, []);
  });

  it("needs a token that this app has signed", async () => {
    const visitor = await signUp();
    const without = await visitor.page.request.get(`${APP_URL}/api/tasks`);
    assert.equal(without.status(), 401);
    assert.equal(without.headers()["www-authenticate"], "Bearer");
    const answer = await visitor.page.request.get(`${APP_URL}/api/auth/token`);
    const { token, expires_at } = (await answer.json()) as { token: string; expires_at: number };
    assert.ok(expires_at <= Date.now() / 1000 + 300);
    assert.equal((await visitor.apiWith(token, "GET", "/api/tasks")).status, 200);
    const [header, claims, signature] = token.split(".") as [string, string, string];
    const forged = Buffer.from(
      Buffer.from(claims, "base64url")
        .toString()
        .replace(/"sub":"[^"]+"/, '"sub":"someone"'),
    ).toString("base64url");
    const answers = await Promise.all(
      [`${header}.${forged}.${signature}`, `${header}.${claims}.`, "nonsense"].map((wrong) =>
        visitor.apiWith(wrong, "GET", "/api/tasks"),
      ),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      [401, 401, 401],
    );
  });

  it("is not mixed up when another tab signs in as someone else", async () => {
    const [ada, eve] = [await signUp(), await signUp()];
    await ada.context.addCookies(await eve.context.cookies());
    await ada.page.getByRole("textbox", { name: "New task" }).fill("Whose is this?");
    const reloaded = ada.page.waitForEvent("load");
    await ada.page.keyboard.press("Enter");
    await reloaded;
    await ada.page.getByRole("button", { name: "Account and settings" }).click();
    await ada.page.getByText(eve.email).waitFor();
    assert.deepEqual((await eve.api("GET", "/api/tasks")).body.items, []);
  });
});
