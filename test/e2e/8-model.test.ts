/**
 * The assistant with an OpenAI-compatible server: it works, and if the server does not, only the assistant is affected.
 */
import assert from "node:assert/strict";
import { authorization, callApi, send, signUp, type Account } from "./support/api.ts";
import { kubectl, sh, withCheckout } from "./support/shell.ts";

const MODEL_NAMESPACE = "todo-app-model-test";
const ADDRESS = `http://model.${MODEL_NAMESPACE}:8080/v1`;
const inModelNamespace = (line: string) =>
  sh(`kubectl --context minikube -n ${MODEL_NAMESPACE} ${line}`);

interface Event {
  readonly type: "text" | "tasks_changed" | "error" | "done";
  readonly text?: string;
  readonly message?: string;
}

describe("the assistant with an OpenAI-compatible server", () => {
  let account: Account;
  /** Deploys the app with this key, from a checkout of its own. */
  const deploy = (key: string) =>
    withCheckout(async (cwd) => {
      const set = (flags: string) => `pulumi config set --stack dev ${flags}; `;
      await sh(
        set("--path todo-app:llm.provider openai") +
          set(`--path todo-app:llm.baseUrl ${ADDRESS}`) +
          set("--path todo-app:llm.model test-model") +
          `${set(`--secret todo-app:openaiApiKey ${key}`)} make up`,
        { cwd },
      );
    });
  const ask = async (content: string): Promise<Event[]> => {
    const answer = await send(account.host, "/api/chat", {
      method: "POST",
      body: { messages: [{ role: "user", content }], today: "2030-05-17" },
      headers: await authorization(account),
    });
    assert.equal(answer.status, 200, answer.body);
    return answer.body
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Event);
  };
  const textOf = (events: readonly Event[]) => events.map(({ text }) => text ?? "").join("");
  const fails = async (content: string, reason: RegExp) => {
    const events = await ask(content);
    const { message } = events.find(({ type }) => type === "error")!;
    assert.match(message!, reason);
    assert.doesNotMatch(message!, /key$|Bearer|http/, "no secret, no address");
    assert.equal(events.at(-1)!.type, "done");
    await callApi(account, "/api/tasks");
    return events;
  };

  before(async () => {
    await sh(`kubectl --context minikube create namespace ${MODEL_NAMESPACE}`);
    await inModelNamespace("create configmap model --from-file test/e2e/support/model.py");
    await inModelNamespace(
      `create -f - <<'JSON'\n${JSON.stringify({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "model", labels: { app: "model" } },
        spec: {
          containers: [
            {
              name: "model",
              image: "docker.io/library/python:3.13-slim",
              command: ["python3", "/code/model.py"],
              readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
              volumeMounts: [{ name: "code", mountPath: "/code" }],
            },
          ],
          terminationGracePeriodSeconds: 1,
          volumes: [{ name: "code", configMap: { name: "model" } }],
        },
      })}\nJSON`,
    );
    await inModelNamespace("expose pod model --port 8080");
    await inModelNamespace("wait pod model --for=condition=Ready --timeout=60s");
    account = await signUp();
  });
  after(async () => {
    await sh(`kubectl --context minikube delete namespace ${MODEL_NAMESPACE} --wait=false`);
    await sh("make up");
  });

  it("adds a task through a streamed tool call, and streams what it did", async () => {
    await deploy("right-key");
    const events = await ask("add water the plants");
    assert.match(textOf(events), /The list says: .*water the plants/i);
    assert.ok(events.some(({ type }) => type === "tasks_changed"));
    const { items } = (await callApi(account, "/api/tasks")) as { items: { title: string }[] };
    assert.deepEqual(
      items.map(({ title }) => title),
      ["water the plants"],
    );
  });

  it("reports an answer that breaks off, after the part that had arrived", async () => {
    const events = await fails("please break off", /broke off/);
    assert.match(textOf(events), /half an answer/);
  });

  it("reports a wrong key, and shows the key to nobody", async () => {
    await deploy("wrong-canary-key");
    await fails("hello", /settings/);
    const logs = await kubectl("logs -l app.kubernetes.io/name=backend --tail=200");
    assert.doesNotMatch(logs, /wrong-canary-key/);
  });

  it("reports a server that is gone", async () => {
    await inModelNamespace("delete pod model --wait");
    await fails("hello", /can't be reached/);
  });
});
