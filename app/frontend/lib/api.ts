import { decodeJwt } from "jose";
import { readAnswer } from "@/lib/answer";
import { type Filters, type Task, type TaskChange, type TaskPage, taskPagePath } from "@/lib/tasks";
import type { ApiToken } from "@/lib/token";

/** The API's client in the browser. Every error has a message for the user. */

const QUERY_TIMEOUT_MS = 5_000;
const CHANGE_TIMEOUT_MS = 15_000;
const RENEW_SECONDS_BEFORE_EXPIRY = 30;

let owner = "";
let token: Promise<ApiToken> | undefined;

/** Sets whose page this is: another tab may sign in as another user later. */
export function actFor(userId: string): void {
  owner = userId;
}

async function requestToken(): Promise<ApiToken> {
  const response = await reach("/api/auth/token", {
    signal: AbortSignal.timeout(QUERY_TIMEOUT_MS),
  });
  if (response.status === 401) return leaveFor("/sign-in?reason=expired");
  const issued = await readAnswer<ApiToken>(response);
  return decodeJwt(issued.token).sub === owner ? issued : leaveFor("/");
}

/**
 * Opens another page. The promise stays pending, so that this page shows nothing in the meantime.
 */
function leaveFor(address: string): Promise<never> {
  window.location.assign(address);
  return new Promise(() => {});
}

async function authorization(): Promise<string> {
  const known = await token?.catch(() => undefined);
  if (!known || known.expires_at - Date.now() / 1000 < RENEW_SECONDS_BEFORE_EXPIRY) {
    token = requestToken();
  }
  return `Bearer ${(await token!).token}`;
}

/** While two releases serve side by side, a page of the new one needs the backend of the new one. */
function withTrack(given?: HeadersInit): Headers {
  const headers = new Headers(given);
  const { releaseTrack } = document.documentElement.dataset;
  if (releaseTrack) headers.set("X-Release-Track", releaseTrack);
  return headers;
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { cache: "no-store", ...init, headers: withTrack(init.headers) });
  } catch (error) {
    if (init.signal?.aborted && init.signal.reason?.name === "AbortError") throw error;
    throw new Error("The server can't be reached. Check the connection and try again.");
  }
}

async function call(method: string, path: string, body?: unknown, signal?: AbortSignal) {
  const attempt = async () => {
    const headers = { Authorization: await authorization(), "Content-Type": "application/json" };
    return reach(path, { method, headers, body: JSON.stringify(body), signal });
  };
  const response = await attempt();
  if (response.status !== 401) return response;
  token = undefined;
  return attempt();
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const timeout = AbortSignal.timeout(QUERY_TIMEOUT_MS);
  const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
  return readAnswer(await call("GET", path, undefined, either));
}

async function change<T>(method: string, path: string, body?: unknown): Promise<T> {
  return readAnswer(await call(method, path, body, AbortSignal.timeout(CHANGE_TIMEOUT_MS)));
}

export const listTasks = (filters: Filters, cursor: string | null, signal: AbortSignal) =>
  get<TaskPage>(taskPagePath(filters, cursor), signal);
export const createTask = (fields: TaskChange) => change<Task>("POST", "/api/tasks", fields);
export const updateTask = (id: string, fields: TaskChange) =>
  change<Task>("PATCH", `/api/tasks/${id}`, fields);
export const deleteTask = (id: string) => change<void>("DELETE", `/api/tasks/${id}`);
export const restoreTask = (id: string) => change<Task>("POST", `/api/tasks/${id}/restore`);

export interface ChatMessage {
  readonly role: "user" | "assistant";
  readonly content: string;
}

export type ChatEvent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tasks_changed" | "done" }
  | { readonly type: "error"; readonly message: string };

/**
 * Asks the assistant and yields the events of its answer, which arrive as one JSON object per line.
 */
export async function* chat(
  messages: readonly ChatMessage[],
  today: string,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent> {
  const response = await call("POST", "/api/chat", { messages, today }, signal);
  if (!response.ok) await readAnswer(response);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value = "" } = await reader.read();
    if (done) throw new Error("The answer broke off. Try again.");
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.filter((text) => text.trim() !== "")) {
      const event = JSON.parse(line) as ChatEvent;
      if (event.type === "done") return;
      yield event;
    }
  }
}
