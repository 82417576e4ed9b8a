import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { APP_URL, psql, useVisitors, type Visitor } from "./support.ts";

const titles = (page: Page) =>
  page
    .getByRole("list", { name: "Tasks" })
    .getByRole("checkbox")
    .evaluateAll((boxes) => boxes.map((box) => (box as HTMLInputElement).labels?.[0]?.textContent));

/** Waits until exactly these tasks are listed. */
async function lists({ page }: Visitor, expected: readonly string[]): Promise<void> {
  for (const title of expected) await page.getByRole("checkbox", { name: title }).waitFor();
  await page.waitForFunction(
    (count) => document.querySelectorAll("ul[aria-label=Tasks] > li").length === count,
    expected.length,
  );
  assert.deepEqual(await titles(page), expected);
}

describe("tasks", () => {
  const { signUp } = useVisitors();

  async function add(visitor: Visitor, ...tasks: object[]): Promise<void> {
    for (const task of tasks) {
      const { status, body } = await visitor.api("POST", "/api/tasks", task);
      assert.equal(status, 201, JSON.stringify(body));
    }
    await visitor.open();
  }

  it("are added with a title alone", async () => {
    const visitor = await signUp();
    await visitor.page.getByText("Nothing to do yet").waitFor();
    await visitor.page.getByRole("textbox", { name: "New task" }).fill("Buy milk");
    await visitor.page.keyboard.press("Enter");
    await visitor.task("Buy milk").waitFor();
    await visitor.page.getByText("1 open, 0 done").waitFor();
    assert.equal(await visitor.page.getByRole("textbox", { name: "New task" }).inputValue(), "");
  });

  it("are added with everything that a task can have", async () => {
    const visitor = await signUp();
    const { page } = visitor;
    await page.getByRole("textbox", { name: "New task" }).fill("Renew the passport");
    await page.getByRole("button", { name: "Add with details" }).click();
    await page.getByRole("textbox", { name: "Notes" }).fill("Two photos");
    await page.getByLabel("Due date").fill("2031-04-05");
    await page.getByRole("dialog").getByLabel("Priority").selectOption("High");
    await page.getByRole("combobox", { name: "Tags" }).pressSequentially("Errands,town ");
    await page.getByRole("button", { name: "Save" }).click();
    await visitor.task("Renew the passport").waitFor();
    for (const text of ["Two photos", "5 Apr 2031", "High priority", "#errands", "#town"])
      await page.getByText(text, { exact: true }).waitFor();
    const { body } = await visitor.api("GET", "/api/tasks");
    const { notes, due_date, priority, tags } = body.items[0];
    assert.deepEqual(
      { notes, due_date, priority, tags },
      { notes: "Two photos", due_date: "2031-04-05", priority: "high", tags: ["errands", "town"] },
    );
  });

  it("are completed, edited and still so after a reload", async () => {
    const visitor = await signUp();
    const { page } = visitor;
    await add(visitor, { title: "Water plants" });
    await visitor.complete("Water plants");
    await page.getByText("0 open, 1 done").waitFor();
    await page.getByRole("button", { name: "Edit Water plants" }).click();
    await page.getByRole("textbox", { name: "Title" }).fill("Water the plants");
    await page.getByLabel("Due date").fill("2031-04-05");
    await page.getByRole("button", { name: "Save" }).click();
    await visitor.task("Water the plants").waitFor();
    await visitor.reload();
    assert.equal(await visitor.task("Water the plants").isChecked(), true);
    await page.getByText("5 Apr 2031").waitFor();
  });

  it("say what is wrong before anything is sent", async () => {
    const visitor = await signUp();
    const { page } = visitor;
    await page.getByRole("button", { name: "Add task" }).click();
    await page.getByText("Give the task a title.").waitFor();
    await page.getByRole("button", { name: "Add with details" }).click();
    await page.getByRole("textbox", { name: "Title" }).fill("x".repeat(201));
    await page.getByRole("textbox", { name: "Notes" }).fill("x".repeat(10_001));
    await page.getByRole("combobox", { name: "Tags" }).pressSequentially("not/a/tag,");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("A title has at most 200 characters; this one has 201.").waitFor();
    await page.getByText("Notes have at most 10000 characters; these have 10001.").waitFor();
    await page.getByText(/“not\/a\/tag” can't be a tag/).waitFor();
  });

  it("can be searched and filtered, and the URL contains the filter", async () => {
    const visitor = await signUp();
    const { page } = visitor;
    await add(
      visitor,
      { title: "Milk", tags: ["shop"], priority: "high" },
      { title: "Bread", notes: "and 100% rye", tags: ["shop"], completed: true },
      { title: "Slides", tags: ["work"], priority: "low" },
    );
    await lists(visitor, ["Slides", "Bread", "Milk"]);
    await page.getByRole("searchbox", { name: "Search tasks" }).fill("100%");
    await lists(visitor, ["Bread"]);
    assert.equal(page.url(), `${APP_URL}/?q=100%25`);
    await visitor.reload();
    await lists(visitor, ["Bread"]);
    await page.getByRole("button", { name: "Clear filters" }).click();
    await page.getByText("Open", { exact: true }).click();
    await lists(visitor, ["Slides", "Milk"]);
    await page.getByRole("combobox", { name: "Priority" }).selectOption("Low");
    await lists(visitor, ["Slides"]);
    assert.equal(page.url(), `${APP_URL}/?status=open&priority=low`);
    await page.getByRole("combobox", { name: "Tag" }).selectOption("shop");
    await page.getByText("No task matches").waitFor();
    await page.getByRole("searchbox", { name: "Search tasks" }).fill("no such thing");
    await page.waitForURL(/q=no\+such\+thing/);
    await page.getByRole("button", { name: "Show all tasks" }).click();
    await lists(visitor, ["Slides", "Bread", "Milk"]);
    assert.equal(await page.getByRole("searchbox", { name: "Search tasks" }).inputValue(), "");
    await page.getByRole("button", { name: "Show tasks tagged shop" }).first().click();
    await lists(visitor, ["Bread", "Milk"]);
    assert.equal(page.url(), `${APP_URL}/?tag=shop`);
  });

  it("are shown one page at a time", async () => {
    const visitor = await signUp();
    const { page } = visitor;
    await psql(
      "insert into tasks (id, user_id, title) " +
        "select gen_random_uuid(), auth_user.id, 'Task ' || n from auth_user, generate_series(1, 60) n " +
        `where email = '${visitor.email}'`,
    );
    await visitor.open();
    assert.equal((await titles(page)).length, 50);
    await page.getByRole("button", { name: "Load more" }).click();
    await page.getByRole("button", { name: "Load more" }).waitFor({ state: "detached" });
    assert.equal(new Set(await titles(page)).size, 60);
  });

  it("are deleted at once, and brought back by Undo", async () => {
    const visitor = await signUp();
    const { page } = visitor;
    await add(visitor, { title: "First" }, { title: "Second", notes: "kept" });
    await page.getByRole("button", { name: "Delete Second" }).click();
    await lists(visitor, ["First"]);
    await page.getByRole("button", { name: "Undo" }).click();
    await lists(visitor, ["Second", "First"]);
    await page.getByText("kept").waitFor();
    await page.getByRole("button", { name: "Delete First" }).click();
    await page.getByText("Deleted “First”").waitFor();
    await visitor.reload();
    await lists(visitor, ["Second"]);
  });

  it("show a change at once, and revert it if it is refused", async () => {
    const visitor = await signUp();
    const { page } = visitor;
    visitor.expected.push(/status of 503/);
    await add(visitor, { title: "Fragile" });
    let refuse = () => {};
    const refused = new Promise<void>((resolve) => (refuse = resolve));
    await page.route("**/api/tasks/*", async (route) => {
      if (route.request().method() !== "PATCH") return route.fallback();
      await refused;
      await route.fulfill({ status: 503, json: { detail: "Not right now", errors: [] } });
    });
    await visitor.complete("Fragile");
    refuse();
    await page.getByText("Not right now").waitFor();
    await visitor.task("Fragile", { checked: false }).waitFor();
  });

  it("are in the page as the server sends it, and the page then does not shift", async () => {
    const visitor = await signUp();
    await add(visitor, { title: "Here from the start", due_date: "2031-04-05", tags: ["home"] });
    const html = await (await visitor.page.request.get(APP_URL)).text();
    assert.match(html, /Here from the start<\/label>/);
    const shift = await visitor.page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          new PerformanceObserver((list) => {
            const shifts = list.getEntries() as (PerformanceEntry & { value: number })[];
            resolve(shifts.reduce((sum, { value }) => sum + value, 0));
          }).observe({ type: "layout-shift", buffered: true });
          setTimeout(() => resolve(0), 1000);
        }),
    );
    assert.ok(shift < 0.01, `layout shift of ${shift}`);
  });

  it("show an error if they cannot be loaded, and are loaded once they can", async () => {
    const visitor = await signUp();
    const { page } = visitor;
    visitor.expected.push(/status of 503/);
    await page.route("**/api/tasks?*", (route) =>
      route.fulfill({ status: 503, json: { detail: "The database is resting", errors: [] } }),
    );
    await page.getByRole("searchbox", { name: "Search tasks" }).fill("anything");
    await page.getByText("The database is resting").waitFor();
    await page.unroute("**/api/tasks?*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByText("No task matches").waitFor();
  });

  it("react to single keys, but not while the user types", async () => {
    const visitor = await signUp();
    const { page } = visitor;
    const focused = () => page.evaluate(() => document.activeElement?.id);
    await page.keyboard.press("/");
    assert.equal(await focused(), "search");
    await page.keyboard.type("n/u");
    assert.equal(await focused(), "search");
    assert.equal(await page.getByRole("searchbox", { name: "Search tasks" }).inputValue(), "n/u");
    await page.getByRole("heading", { name: "Tasks" }).focus();
    await page.keyboard.press("n");
    assert.equal(await focused(), "new-task");
    await page.getByRole("button", { name: "Account and settings" }).click();
    await page.getByRole("checkbox", { name: /Single-key shortcuts/ }).uncheck();
    await page.keyboard.press("Escape");
    await page.getByRole("heading", { name: "Tasks" }).focus();
    await page.keyboard.press("n");
    assert.notEqual(await focused(), "new-task");
  });
});
