import { AxeBuilder } from "@axe-core/playwright";
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { DESKTOP, PHONE, useVisitors, type Visitor } from "./support.ts";

/** Waits until the page shows the colours: they change some frames after the setting, and then fade in. */
async function isStill(page: Page, colorScheme: string): Promise<void> {
  await page.waitForFunction(
    (scheme) => document.documentElement.dataset.mantineColorScheme === scheme,
    colorScheme,
  );
  await page.evaluate(async () => {
    let stillFrames = 0;
    while (stillFrames < 5) {
      await new Promise(requestAnimationFrame);
      const moving = document.getAnimations().some(({ playState }) => playState === "running");
      stillFrames = moving ? 0 : stillFrames + 1;
    }
  });
}

/** Checks that no accessibility rule is violated, in light and dark, on a phone and on a desktop. */
async function isAccessible(page: Page): Promise<void> {
  for (const viewport of [DESKTOP, PHONE]) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await isStill(page, colorScheme);
      const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze();
      const found = violations.map(
        ({ id, nodes }) => `${id}: ${nodes[0]?.failureSummary} ${nodes[0]?.html}`,
      );
      assert.deepEqual(found, [], `${viewport.width} px, ${colorScheme}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= viewport.width, `${wide} px wide on a screen of ${viewport.width} px`);
    }
  }
  await page.setViewportSize(DESKTOP);
}

describe("accessibility of", () => {
  const { arrive, signUp } = useVisitors();

  async function withTasks(): Promise<Visitor> {
    const visitor = await signUp();
    for (const task of [
      { title: "Overdue", due_date: "2020-01-01", priority: "high", tags: ["home", "garden"] },
      { title: "Done", completed: true, priority: "low", notes: "with\nsome notes" },
      { title: "x".repeat(200) },
    ])
      await visitor.api("POST", "/api/tasks", task);
    await visitor.open();
    return visitor;
  }

  it("the forms of accounts", async () => {
    const visitor = await arrive();
    const { page } = visitor;
    await visitor.open("/sign-in?reason=expired");
    await isAccessible(page);
    await visitor.open("/sign-up");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByText("Enter your name.").waitFor();
    await isAccessible(page);
  });

  it("the list: empty, full, with a message, without a match, in an error, and missing", async () => {
    const { page } = await signUp();
    await isAccessible(page);
    const visitor = await withTasks();
    visitor.expected.push(/status of (404|503)/);
    await isAccessible(visitor.page);
    await visitor.page.getByRole("button", { name: "Delete Done" }).click();
    await visitor.page.getByRole("button", { name: "Undo" }).waitFor();
    await isAccessible(visitor.page);
    await visitor.open("/?q=nothing-like-it");
    await isAccessible(visitor.page);
    await visitor.page.route("**/api/tasks?*", (route) => route.fulfill({ status: 503, json: {} }));
    await visitor.page.getByRole("searchbox", { name: "Search tasks" }).fill("anything");
    await visitor.page.getByRole("button", { name: "Try again" }).waitFor();
    await isAccessible(visitor.page);
    await visitor.open("/nowhere");
    await isAccessible(visitor.page);
  });

  it("the dialog and the menu", async () => {
    const { page } = await withTasks();
    await page.getByRole("button", { name: "Account and settings" }).click();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    await isAccessible(page);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Edit Overdue" }).click();
    await page.getByRole("textbox", { name: "Title" }).fill("");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Give the task a title.").waitFor();
    await isAccessible(page);
  });

  it("the assistant", async () => {
    const { page } = await signUp();
    await page.getByRole("button", { name: "Assistant" }).click();
    await page.getByRole("button", { name: "What is due this week?" }).click();
    await page.getByRole("log").getByText("Assistant:").waitFor();
    await isAccessible(page);
    await page.route("**/api/chat", (route) =>
      route.fulfill({ body: '{"type":"error","message":"Overloaded."}\n{"type":"done"}\n' }),
    );
    await page.getByRole("textbox", { name: "Message to the assistant" }).fill("And now?");
    await page.keyboard.press("Enter");
    await page.getByText("Overloaded.").waitFor();
    await isAccessible(page);
  });

  it("a task, from creation to deletion, with the keyboard alone", async () => {
    const visitor = await signUp();
    const { page } = visitor;
    const press = (...keys: string[]) =>
      keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
    /** Presses Tab until the element with the focus has this name. */
    async function tabTo(name: string): Promise<void> {
      for (let step = 0; step < 40; step++) {
        await press("Tab");
        const focused = await page.evaluate(() => {
          const element = document.activeElement as HTMLInputElement;
          return {
            name: element.ariaLabel ?? element.labels?.[0]?.textContent ?? element.textContent,
            // a field shows it by the colour of its edge
            shown:
              element.matches("input, textarea") ||
              getComputedStyle(element).outlineStyle !== "none",
          };
        });
        if (focused.name !== name) continue;
        assert.ok(focused.shown, `${name} shows that it has the focus`);
        return;
      }
      assert.fail(`"${name}" can't be reached with the keyboard`);
    }

    await press("n");
    await page.keyboard.type("Learn to juggle");
    await press("Enter");
    await visitor.task("Learn to juggle").waitFor();
    await tabTo("Learn to juggle");
    await press("Space");
    await page.getByText("0 open, 1 done").waitFor();
    await tabTo("Edit Learn to juggle");
    await press("Enter");
    await page.getByRole("dialog").waitFor();
    await tabTo("Notes");
    await page.keyboard.type("three balls");
    await tabTo("Save");
    await press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByText("three balls").waitFor();
    await tabTo("Delete Learn to juggle");
    await press("Enter");
    await page.getByText("Nothing to do yet").waitFor();
    await tabTo("Undo");
    await press("Enter");
    await visitor.task("Learn to juggle").waitFor();
  });
});
