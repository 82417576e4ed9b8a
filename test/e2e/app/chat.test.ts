import assert from "node:assert/strict";
import { PHONE, useVisitors, type Visitor } from "./support.ts";

const DAY_MS = 86_400_000;

describe("the assistant", () => {
  const { signUp } = useVisitors();
  const ndjson = (...events: object[]) => ({
    contentType: "application/x-ndjson",
    body: events.map((event) => `${JSON.stringify(event)}\n`).join(""),
  });

  async function ask({ page }: Visitor, text: string): Promise<void> {
    await page.getByRole("textbox", { name: "Message to the assistant" }).fill(text);
    await page.keyboard.press("Enter");
  }

  const open = ({ page }: Visitor) => page.getByRole("button", { name: "Assistant" }).click();

  it("adds a task, which the list then shows", async () => {
    // A time zone whose local day differs from the server's for half of the time.
    const visitor = await signUp({ timezoneId: "Pacific/Kiritimati" });
    await open(visitor);
    await ask(visitor, 'Add "Buy oat milk" tomorrow');
    await visitor.page
      .getByRole("log")
      .getByText(/Added .*Buy oat milk/)
      .waitFor();
    await visitor.task("Buy oat milk").waitFor();
    await visitor.page.getByText("Tomorrow", { exact: true }).waitFor();
    const { body } = await visitor.api("GET", "/api/tasks");
    const tomorrow = new Date(Date.now() + DAY_MS).toLocaleDateString("en-CA", {
      timeZone: "Pacific/Kiritimati",
    });
    assert.equal(body.items[0].due_date, tomorrow);
  });

  it("fills a phone's screen and keeps the conversation when it is closed", async () => {
    const visitor = await signUp({ viewport: PHONE, hasTouch: true });
    await open(visitor);
    await visitor.page.getByRole("button", { name: "What is due this week?" }).click();
    const answers = visitor.page.getByRole("log").getByText("Assistant:");
    await answers.waitFor();
    await visitor.page.getByRole("button", { name: "Close the assistant" }).click();
    await visitor.page.getByRole("log").waitFor({ state: "detached" });
    await open(visitor);
    await answers.waitFor();
  });

  it("shows the error of its provider, and can try again", async () => {
    const visitor = await signUp();
    const { page } = visitor;
    const error = { type: "error", message: "The language model is overloaded." };
    await page.route("**/api/chat", (route) =>
      route.fulfill(ndjson({ type: "text", text: "Let me see" }, error, { type: "done" })),
    );
    await open(visitor);
    await ask(visitor, "What is due?");
    await page.getByRole("log").getByText("The language model is overloaded.").waitFor();
    await page.unroute("**/api/chat");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByText("Let me see").waitFor({ state: "detached" });
    await page.getByRole("log").getByText("Assistant:").waitFor();
  });

  it("reports an answer that breaks off", async () => {
    const visitor = await signUp();
    await visitor.page.route("**/api/chat", (route) =>
      route.fulfill(ndjson({ type: "text", text: "I was about to" })),
    );
    await open(visitor);
    await ask(visitor, "What is due?");
    await visitor.page.getByText("The answer broke off. Try again.").waitFor();
  });
});
