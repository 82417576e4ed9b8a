import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { launchBrowser } from "./support/browser.ts";
import { eventually, kubectl, psql } from "./support/shell.ts";

const URL = "http://todo-app.local";

describe("the deployed app in a browser", () => {
  const title = `Buy milk ${Date.now()}`;
  let browser: Browser;
  let page: Page;

  before(async () => {
    browser = await launchBrowser();
    page = await browser.newPage();
  });
  after(() => browser.close());

  it("creates a task that PostgreSQL then holds", async () => {
    await page.goto(URL);
    await page.getByRole("textbox", { name: "New task" }).fill(title);
    await page.getByRole("button", { name: "Add task" }).click();
    await page.getByRole("checkbox", { name: title }).waitFor();
    assert.equal(await psql(`select title from tasks where title = '${title}'`), title);
    assert.match(await psql(`select user_id from tasks where title = '${title}'`), /\S/);
  });

  it("completes and edits it", async () => {
    await page.getByRole("checkbox", { name: title }).check();
    await page.getByRole("button", { name: `Edit ${title}` }).click();
    await page.getByRole("textbox", { name: "Notes" }).fill("two litres");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("two litres").waitFor();
    const stored = await psql(`select completed, notes from tasks where title = '${title}'`);
    assert.equal(stored, "t|two litres");
  });

  it("still shows it after every pod was deleted", async () => {
    await kubectl("delete pods --all --wait");
    await kubectl("wait pods --all --for=condition=Ready --timeout=120s");
    await eventually(30, async () => {
      const response = await page.goto(URL);
      assert.equal(response?.status(), 200);
      await page.getByRole("checkbox", { name: title }).waitFor({ timeout: 2000 });
    });
  });

  it("forgets it once it is deleted", async () => {
    await page.getByRole("button", { name: `Delete ${title}` }).click();
    await page.getByRole("checkbox", { name: title }).waitFor({ state: "detached" });
    assert.equal(await psql(`select count(*) from tasks where title = '${title}'`), "0");
    await page.reload();
    assert.equal(await page.getByText(title).count(), 0);
  });

  it("is reached through a forwarded port too, without the ingress controller", async () => {
    const status = await kubectl(
      "port-forward service/frontend 18080:3000 >/dev/null & sleep 2; curl -fsS localhost:18080/api/tasks -o /dev/null -w '%{http_code}'; kill $!",
    );
    assert.equal(status, "200");
  });
});
