/** The checks that use the app with throw-away accounts, and delete what they made. */
import { Unexpected, type Check } from "./check.ts";
import type { Target } from "./deployed.ts";
import { describe, expectAnswer, jsonOf, type Answer, type Site } from "./site.ts";
import { User } from "./user.ts";

/** A language model takes its time: the app itself gives it 30 s before it says a word. */
const ASSISTANT_MS = 40_000;

interface Task {
  readonly id: string;
  readonly title: string;
  readonly completed: boolean;
}

interface ChatEvent {
  readonly type: "text" | "tasks_changed" | "error" | "done";
  readonly text?: string;
  readonly message?: string;
}

/** The text of an assistant's answer. @throws Unexpected where it failed or broke off */
function textOf(answer: Answer): string {
  const lines = answer.body.trim().split("\n");
  const events = lines.map((body) => jsonOf({ ...answer, body }) as ChatEvent);
  const error = events.find(({ type }) => type === "error");
  if (error) throw new Unexpected(`${answer.request}: ${error.message}`);
  if (events.at(-1)?.type !== "done") throw new Unexpected(`${answer.request}: broke off`);
  const text = events.map((event) => event.text ?? "").join("");
  if (!text) throw new Unexpected(`${answer.request}: no text`);
  return text;
}

/** Before anything is made: that it can be deleted. */
function leftovers({ kubectl, deleteAccounts }: Target): Check {
  return {
    name: "leftovers",
    expected: "a backend pod deletes accounts that earlier smoke tests left",
    look: `${kubectl} auth can-i create pods/exec; ${kubectl} logs deployment/backend --tail 50`,
    run: async () => `${await deleteAccounts([])} deleted`,
  };
}

function accounts(users: readonly User[], { kubectl }: Target): Check {
  return {
    name: "accounts",
    expected: "two new accounts, each with a session and a token",
    look: `${kubectl} logs deployment/frontend --tail 50`,
    after: ["leftovers"],
    run: async () => {
      for (const user of users) await user.signUp();
      return users.map(({ email }) => email).join(", ");
    },
  };
}

/** What the owner of a task does with it, what is left of it without the pods of then, and what somebody else gets to see of it. */
function tasks(owner: User, other: User, { kubectl, endPods }: Target, ending: boolean): Check[] {
  const look = `${kubectl} logs deployment/backend --tail 50`;
  const title = `Smoke test ${Date.now()}`;
  let path = "/api/tasks";
  const readAsLeft = async () => {
    const answer = await owner.call("GET", path);
    const task = jsonOf(answer) as Task;
    if (task.title !== title || !task.completed) throw new Unexpected(describe(answer));
  };
  const persistence: Check = {
    name: "persistence",
    expected: "new backend pods serve the task as it was left",
    look: `${kubectl} get pods; ${kubectl} auth can-i delete pods`,
    after: ["task"],
    run: async () => {
      const ended = await endPods("backend");
      await readAsLeft();
      return `${ended} backend pods were ended, one after the other`;
    },
  };
  return [
    {
      name: "task",
      expected: "a task is created, edited, completed, and read as it was left",
      look,
      after: ["accounts"],
      run: async () => {
        const first = { title: "Smoke test" };
        const created = await owner.call("POST", path, { body: first, status: 201 });
        path = `${path}/${(jsonOf(created) as Task).id}`;
        await owner.call("PATCH", path, { body: { title } });
        await owner.call("PATCH", path, { body: { completed: true } });
        await readAsLeft();
        return `"${title}" is completed`;
      },
    },
    ...(ending ? [persistence] : []),
    {
      name: "signed-in page",
      expected: "the page of the account shows its task",
      look: `${kubectl} logs deployment/frontend --tail 50`,
      after: ["task"],
      run: async () => {
        expectAnswer(await owner.withCookie("/"), 200, new RegExp(title));
        return "GET /: 200 with the task";
      },
    },
    {
      name: "isolation",
      expected: "404 and an empty list for the second account",
      look,
      after: ["task"],
      run: async () => {
        await other.call("GET", path, { status: 404 });
        await other.call("PATCH", path, { body: { title: "Not mine" }, status: 404 });
        await other.call("DELETE", path, { status: 404 });
        const list = await other.call("GET", "/api/tasks");
        if ((jsonOf(list) as { items: readonly Task[] }).items.length)
          throw new Unexpected(describe(list));
        return "404, and no task";
      },
    },
    {
      name: "deletion",
      expected: "the task is deleted, and then 404 for its owner",
      look,
      after: ["task"],
      run: async () => {
        await owner.call("DELETE", path, { status: 204 });
        await owner.call("GET", path, { status: 404 });
        return "204, then 404";
      },
    },
  ];
}

function assistant(user: User, { kubectl }: Target): Check {
  return {
    name: "assistant",
    expected: "an answer to a question about the tasks",
    look: `${kubectl} logs deployment/backend --tail 50`,
    after: ["accounts"],
    run: async () => {
      const info = jsonOf(await user.call("GET", "/api/chat"));
      const { provider, model } = info as { provider: string; model: string | null };
      const messages = [{ role: "user", content: "What is due today?" }];
      const today = new Date().toISOString().slice(0, 10);
      const body = { messages, today };
      const answer = await user.call("POST", "/api/chat", { body, timeoutMs: ASSISTANT_MS });
      return `${model ?? provider} answered with ${textOf(answer).length} characters`;
    },
  };
}

function cleanUp(users: readonly User[], { kubectl, stage, deleteAccounts }: Target): Check {
  return {
    name: "clean-up",
    expected: "both accounts are deleted with all that they made, and their sessions have ended",
    look: `${kubectl} logs deployment/backend --tail 50; an hour from now, make smoke STAGE=${stage} deletes what is left`,
    after: ["leftovers"],
    run: async () => {
      const count = await deleteAccounts(users.map(({ email }) => email));
      for (const user of users) {
        const { request, status } = await user.withCookie("/api/auth/token");
        // The body is not shown: it would be a token.
        if (status !== 401) throw new Unexpected(`${request}: ${status}`);
      }
      return `${count} accounts deleted`;
    },
  };
}

/** All of them, in their order. @param endPods whether every backend pod is ended, to see what is left without it */
export function writingChecks(target: Target, site: Site, endPods: boolean): Check[] {
  const owner = new User(site);
  const other = new User(site);
  return [
    leftovers(target),
    accounts([owner, other], target),
    ...tasks(owner, other, target, endPods),
    assistant(owner, target),
    cleanUp([owner, other], target),
  ];
}
