/** The deployed app as a service: it keeps its data, explains its errors, and no user notices when a pod terminates. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "playwright-core";
import { Visitor } from "./app/support.ts";
import { authorization, signUp, type Account } from "./support/api.ts";
import { launchBrowser } from "./support/browser.ts";
import { underLoad } from "./support/load.ts";
import { eventually, kubectl, psql, sh } from "./support/shell.ts";

const HOST = "todo-app.local";
const URL = `http://${HOST}`;

describe("the deployed app", () => {
  const title = `Buy milk ${Date.now()}`;
  let account: Account;
  let browser: Browser;
  let visitor: Visitor;
  let page: Page;

  before(async () => {
    account = await signUp(HOST);
    browser = await launchBrowser();
    visitor = await Visitor.signedUp(browser);
    const created = await visitor.api("POST", "/api/tasks", { title });
    assert.equal(created.status, 201);
    page = visitor.page;
  });
  after(() => browser.close());

  const showsTask = async () => {
    await visitor.open();
    await page.getByText(title).first().waitFor({ timeout: 5000 });
  };

  it("stores what the page shows in PostgreSQL, for its user", async () => {
    await showsTask();
    const stored = await psql(
      `select u.email from tasks t join auth_user u on u.id = t.user_id where t.title = '${title}'`,
    );
    assert.equal(stored, visitor.email);
  });

  it("still shows the task after every pod was deleted", async () => {
    await kubectl("delete pods --all --wait");
    await kubectl("wait pods --all --for=condition=Ready --timeout=120s");
    await eventually(30, showsTask);
  });

  /** Runs `check` while the workload has no pod at all. */
  const without = async (workload: string, check: () => Promise<void>) => {
    const replicas = await kubectl(`get ${workload} -o jsonpath='{.spec.replicas}'`);
    const name = workload.split("/")[1];
    await kubectl(`scale ${workload} --replicas=0`);
    try {
      await kubectl(`wait pods -l app.kubernetes.io/name=${name} --for=delete --timeout=90s`);
      await check();
    } finally {
      await kubectl(`scale ${workload} --replicas=${replicas}`);
      await kubectl(`rollout status ${workload} --timeout=120s`);
      await kubectl("wait pods --all --for=condition=Ready --timeout=120s");
    }
  };

  for (const [what, workload] of [
    ["API", "deployment/backend"],
    ["database", "statefulset/postgres"],
  ] as const)
    it(`without its ${what} answers with an error and a way to try again, within 10 s`, async () => {
      await without(workload, async () => {
        const begin = Date.now();
        await page.goto(URL);
        await page.getByText("Try again", { exact: true }).waitFor({ timeout: 10_000 });
        assert.ok(Date.now() - begin < 10_000);
        const text = await page.locator("body").innerText();
        assert.doesNotMatch(text, /\bat \w+.*\(|Traceback|ECONN|psycopg|postgres/i);
      });
      await eventually(30, async () => {
        const again = page.getByText("Try again", { exact: true });
        const task = page.getByText(title).first();
        // A page that a click before asked for may come late, and then there is nothing more to click.
        await again.or(task).first().waitFor({ timeout: 5000 });
        if (!(await task.isVisible())) await again.click({ timeout: 1000 });
        await task.waitFor({ timeout: 5000 });
      });
    });

  it("no longer shows the task after it was deleted", async () => {
    await showsTask();
    await page.getByRole("button", { name: `Delete ${title}` }).click();
    await page.getByRole("checkbox", { name: title }).waitFor({ state: "detached" });
    await eventually(5, async () => {
      const left = `select count(*) from tasks where title = '${title}' and deleted_at is null`;
      assert.equal(await psql(left), "0");
    });
    await visitor.reload();
    await page.getByRole("textbox", { name: "New task" }).waitFor();
    assert.equal(await page.getByRole("checkbox", { name: title }).count(), 0);
  });

  it("interrupts no streamed answer", async () => {
    const body = { messages: [{ role: "user", content: "show my tasks" }], today: "2030-05-17" };
    const { requests, failures } = await underLoad(
      HOST,
      await authorization(account),
      [{ method: "POST", path: "/api/chat", body }],
      () => sleep(10_000),
      { connections: 2, pauseMs: 0 },
    );
    assert.ok(requests > 100, `only ${requests} answers were asked for`);
    assert.deepEqual(failures, []);
  });

  it("loses no request when its pods are terminated one after the other, under load", async () => {
    const headers = { ...(await authorization(account)), Cookie: account.cookie };
    const pods = (
      await kubectl("get pods -l 'app.kubernetes.io/name in (backend,frontend)' -o name")
    ).split("\n");
    const { requests, failures } = await underLoad(
      HOST,
      headers,
      [
        { method: "GET", path: "/api/tasks" },
        { method: "POST", path: "/api/tasks", body: { title: "Under load" } },
        { method: "GET", path: "/" },
      ],
      async () => {
        for (const pod of pods) {
          // A pod that an earlier rollout terminates may be gone by now.
          await kubectl(`delete ${pod} --wait --ignore-not-found`);
          for (const name of ["backend", "frontend"])
            await kubectl(`rollout status deployment/${name} --timeout=60s`);
        }
      },
    );
    assert.ok(requests > 500, `only ${requests} requests were sent`);
    assert.deepEqual(failures, [], `${failures.length} of ${requests} requests failed`);
  });

  it("is reachable through a forwarded port too, without the ingress controller", async () => {
    const { Authorization } = await authorization(account);
    const status = await kubectl(
      "port-forward service/frontend 18080:3000 >/dev/null & sleep 2; " +
        `curl -fsS -H 'Authorization: ${Authorization}' localhost:18080/api/tasks -o /dev/null -w '%{http_code}'; kill $!`,
    );
    assert.equal(status, "200");
  });

  it("writes nothing but JSON lines, each request with its id", async () => {
    const headers = await sh(`curl -sSI ${URL}/sign-in -H 'X-Request-Id: look-for-me'`);
    assert.match(headers, /x-request-id: look-for-me/i);
    for (const name of ["backend", "frontend"]) {
      const lines = (await kubectl(`logs -l app.kubernetes.io/name=${name} --tail=50`)).split("\n");
      assert.ok(lines.length > 5, name);
      for (const line of lines) assert.ok(JSON.parse(line), line);
    }
  });
});
