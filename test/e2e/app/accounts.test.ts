import assert from "node:assert/strict";
import { APP_URL, forgetAttempts, PASSWORD, psql, useVisitors, type Visitor } from "./support.ts";

describe("accounts", () => {
  const { arrive, signUp } = useVisitors();
  const heading = ({ page }: Visitor) => page.getByRole("heading", { name: "Tasks" });
  const alert = ({ page }: Visitor) => page.getByRole("main").getByRole("alert");

  it("can be created, signed out of and signed in to", async () => {
    const visitor = await arrive();
    const { page } = visitor;
    await visitor.open();
    await page.waitForURL("**/sign-in");
    await page.getByRole("link", { name: "Create an account" }).click();
    await page.getByLabel("Name").fill("Ada");
    await page.getByLabel("E-mail").fill(` ${visitor.email.toUpperCase()} `);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.getByRole("button", { name: "Create account" }).click();
    await heading(visitor).waitFor();
    assert.equal(
      await psql(`select name from auth_user where email = '${visitor.email}'`),
      "Ada",
      "stored in lower case",
    );

    await page.getByRole("button", { name: "Account and settings" }).click();
    await page.getByText(visitor.email).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL("**/sign-in");
    await visitor.signIn();
    await heading(visitor).waitFor();
    await visitor.open("/sign-in");
    await page.waitForURL(`${APP_URL}/`);
  });

  it("explain what is wrong with what was entered", async () => {
    const visitor = await arrive();
    const { page } = visitor;
    await visitor.open("/sign-up");
    await page.getByLabel("E-mail").fill("ada");
    await page.getByLabel("Password", { exact: true }).fill("short");
    await page.getByRole("button", { name: "Create account" }).click();
    await page.getByText("Enter your name.").waitFor();
    await page.getByText("Enter an address like ada@example.com.").waitFor();
    await page.getByText("A password has 8 to 128 characters; this one has 5.").waitFor();
    assert.equal(await page.getByLabel("E-mail").inputValue(), "ada", "what was typed stays");
    assert.ok(await page.getByLabel("Name").evaluate((field) => field === document.activeElement));
  });

  it("exist only once per e-mail address", async () => {
    const { email } = await signUp();
    const visitor = await arrive();
    visitor.expected.push(/status of 422/);
    await visitor.open("/sign-up");
    await visitor.page.getByLabel("Name").fill("Eve");
    await visitor.page.getByLabel("E-mail").fill(email.toUpperCase());
    await visitor.page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await visitor.page.getByRole("button", { name: "Create account" }).click();
    await visitor.page.getByText("There is an account with this address already.").waitFor();
  });

  it("answer a wrong password like an unknown address", async () => {
    const { email } = await signUp();
    const visitor = await arrive();
    visitor.expected.push(/status of 401/);
    await visitor.open("/sign-in");
    for (const [password, address] of [
      ["wrong password", email],
      [PASSWORD, `nobody-${email}`],
    ]) {
      await visitor.signIn(password, address);
      await alert(visitor).getByText("The e-mail or the password is wrong.").waitFor();
    }
  });

  it("keep the session in a cookie that no script reads, and end it on the server", async () => {
    const visitor = await signUp();
    const { context, page } = visitor;
    const cookies = await context.cookies([APP_URL, `${APP_URL}/api/auth`]);
    const session = cookies.find(({ name }) => name.endsWith("session_token"));
    for (const { name, httpOnly, sameSite, secure } of cookies)
      assert.deepEqual(
        [httpOnly, sameSite, secure],
        [true, "Lax", APP_URL.startsWith("https:")],
        name,
      );
    await page.getByRole("button", { name: "Account and settings" }).click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL("**/sign-in");
    await context.addCookies([session!]);
    const answer = await page.request.get(`${APP_URL}/api/auth/token`);
    assert.equal(answer.status(), 401);
  });

  it("lead to sign-in when the session has ended, without losing what was typed", async () => {
    const visitor = await signUp();
    const { page } = visitor;
    visitor.expected.push(/status of 401/);
    await page.getByRole("textbox", { name: "New task" }).fill("Half a thought");
    await page.getByRole("button", { name: "Add with details" }).click();
    await page.getByRole("textbox", { name: "Notes" }).fill("and the rest of it");
    await visitor.endSession();
    await page.getByRole("button", { name: "Save" }).click();
    await page.waitForURL("**/sign-in?reason=expired");
    await page.getByText("Your session has ended").waitFor();
    await visitor.signIn();
    await page.getByRole("dialog").waitFor();
    assert.equal(await page.getByRole("textbox", { name: "Title" }).inputValue(), "Half a thought");
    assert.equal(
      await page.getByRole("textbox", { name: "Notes" }).inputValue(),
      "and the rest of it",
    );
  });

  it("say that a session has ended when a page is opened with it", async () => {
    const visitor = await signUp();
    await visitor.endSession();
    await visitor.reload();
    await visitor.page.waitForURL("**/sign-in?reason=expired");
  });

  it("are not reachable from another site", async () => {
    const { email, page } = await signUp();
    const answer = await page.request.post(`${APP_URL}/api/auth/sign-in/email`, {
      data: { email, password: PASSWORD },
      headers: { origin: "https://evil.example" },
    });
    assert.equal(answer.status(), 403);
  });

  it("allow ten attempts a minute from one IP address", async () => {
    const visitor = await arrive();
    visitor.expected.push(/status of (401|429)/);
    const { email, page } = visitor;
    await visitor.open("/sign-in");
    await forgetAttempts();
    const statuses: number[] = [];
    for (let attempt = 1; attempt <= 11; attempt++) {
      const status = await page.evaluate(async (email) => {
        const headers = { "Content-Type": "application/json" };
        const body = JSON.stringify({ email, password: "wrong password" });
        return (await fetch("/api/auth/sign-in/email", { method: "POST", headers, body })).status;
      }, email);
      statuses.push(status);
    }
    assert.deepEqual(statuses, [...Array<number>(10).fill(401), 429]);
    await visitor.signIn();
    await alert(visitor)
      .getByText(/Too many attempts. Try again in \d+ seconds./)
      .waitFor();
    await forgetAttempts();
  });
});
