/** Users of the app, each in a browser, and what they store in the database. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { launchBrowser } from "../support/browser.ts";
import { psql as clusterPsql, sh } from "../support/shell.ts";

export const APP_URL = process.env.APP_URL ?? "http://todo-app.local";
export const PASSWORD = "correct horse battery";
export const PHONE = { width: 360, height: 740 };
export const DESKTOP = { width: 1280, height: 800 };

/** Runs a query in the app's database: the cluster's, or the one that APP_DATABASE_URL names. */
export function psql(query: string): Promise<string> {
  const url = process.env.APP_DATABASE_URL;
  return url ? sh(`psql ${url} -Atc ${JSON.stringify(query)}`) : clusterPsql(query);
}

/** Deletes the counted attempts: all tests come from one IP address, for which attempts are limited. */
export const forgetAttempts = () => psql("delete from auth_rate_limit");

/**
 * Waits until React has hydrated the page: a test would type before that, unlike people, who look at the page first.
 */
async function hydrated(page: Page): Promise<void> {
  await page.waitForFunction(() =>
    [...document.querySelectorAll("button, input, textarea, select")].every((control) =>
      Object.keys(control).some((key) => key.startsWith("__reactProps$")),
    ),
  );
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: any;
}

/** One user with a browser of their own. An unexpected message in its console makes `leave` fail. */
export class Visitor {
  readonly email = `visitor-${randomUUID()}@example.com`;
  /** Messages in the console that a test expects. */
  readonly expected: RegExp[] = [];
  private readonly problems: string[] = [];

  readonly context: BrowserContext;
  readonly page: Page;

  private constructor(context: BrowserContext, page: Page) {
    this.context = context;
    this.page = page;
    page.setDefaultTimeout(30_000); // on a busy machine a page takes seconds
    page.on("pageerror", (error) => this.problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning")
        this.problems.push(`${message.text()} (${message.location().url})`);
    });
  }

  static async arrive(browser: Browser, options: BrowserContextOptions = {}): Promise<Visitor> {
    const context = await browser.newContext({ viewport: DESKTOP, locale: "en-GB", ...options });
    return new Visitor(context, await context.newPage());
  }

  /** Creates an account without the form, which has its own tests, and opens the tasks. */
  static async signedUp(browser: Browser, options?: BrowserContextOptions): Promise<Visitor> {
    const visitor = await Visitor.arrive(browser, options);
    const data = { name: "Vera Visitor", email: visitor.email, password: PASSWORD };
    const send = () =>
      visitor.page.request.post(`${APP_URL}/api/auth/sign-up/email`, {
        data,
        headers: { origin: APP_URL },
      });
    let answer = await send();
    if (answer.status() === 429) {
      await forgetAttempts();
      answer = await send();
    }
    assert.equal(answer.status(), 200, await answer.text());
    await visitor.open();
    return visitor;
  }

  async open(path = "/"): Promise<void> {
    await this.page.goto(APP_URL + path);
    await hydrated(this.page);
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await hydrated(this.page);
  }

  /** Fills in the form that is shown, and submits it. */
  async signIn(password = PASSWORD, email = this.email): Promise<void> {
    await this.page.getByLabel("E-mail").fill(email);
    await this.page.getByLabel("Password", { exact: true }).fill(password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
  }

  task(title: string, state: { readonly checked?: boolean } = {}) {
    return this.page.getByRole("checkbox", { name: title, exact: true, ...state });
  }

  /** Completes a task. Not check(): it looks at once, and the page may take a moment to show the change. */
  async complete(title: string): Promise<void> {
    await this.task(title).click();
    await this.task(title, { checked: true }).waitFor();
  }

  /** Calls the API as this person. */
  async api(method: string, path: string, data?: unknown): Promise<ApiAnswer> {
    const answer = await this.page.request.get(`${APP_URL}/api/auth/token`);
    const { token } = (await answer.json()) as { token: string };
    return this.apiWith(token, method, path, data);
  }

  async apiWith(token: string, method: string, path: string, data?: unknown): Promise<ApiAnswer> {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await this.page.request.fetch(APP_URL + path, { method, data, headers });
    return { status: answer.status(), body: await answer.json().catch(() => null) };
  }

  endSession(): Promise<string> {
    return psql(
      `delete from auth_session using auth_user where auth_user.id = "userId" and email = '${this.email}'`,
    );
  }

  async leave(): Promise<void> {
    await this.context.close();
    const unexpected = this.problems.filter(
      (problem) => !this.expected.some((pattern) => pattern.test(problem)),
    );
    assert.deepEqual(unexpected, []);
  }
}

/** One browser for the tests of a file; all visitors leave when the tests are over. */
export function useVisitors() {
  let browser: Browser;
  const visitors: Visitor[] = [];
  before(async () => {
    await forgetAttempts();
    browser = await launchBrowser();
  });
  after(() => browser.close());
  afterEach(async () => {
    for (const visitor of visitors.splice(0)) await visitor.leave();
  });
  const enter = async (arrival: Promise<Visitor>) => {
    const visitor = await arrival;
    visitors.push(visitor);
    return visitor;
  };
  return {
    arrive: (options?: BrowserContextOptions) => enter(Visitor.arrive(browser, options)),
    signUp: (options?: BrowserContextOptions) => enter(Visitor.signedUp(browser, options)),
  };
}
