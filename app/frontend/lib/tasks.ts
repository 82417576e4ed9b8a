export interface Task {
  readonly id: string;
  readonly title: string;
  readonly notes: string;
  readonly completed: boolean;
  readonly created_at: string;
  readonly updated_at: string;
}

export type TaskChange = Partial<Pick<Task, "title" | "notes" | "completed">>;

export const TITLE_MAX_LENGTH = 200;
export const NOTES_MAX_LENGTH = 10_000;

/** Calls the API; an error's message is a sentence to show. */
async function call(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { cache: "no-store", ...init });
  } catch {
    throw new Error("The server can't be reached. Check the connection and try again.");
  }
  if (!response.ok) throw new Error(await reason(response));
  return response;
}

/** The API explains itself in `detail`; a proxy on the way may not. */
async function reason(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  if (body && typeof body === "object" && "detail" in body && typeof body.detail === "string") {
    return body.detail;
  }
  return `The server answered with status ${response.status}. Try again in a moment.`;
}

function json(method: "POST" | "PATCH", body: TaskChange): RequestInit {
  return { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

/** `base` is empty in the browser, which asks its own origin; the server gives the API's address. */
export async function listTasks(base = "", signal?: AbortSignal): Promise<Task[]> {
  return (await call(`${base}/api/tasks`, { signal })).json();
}

export async function createTask(title: string): Promise<Task> {
  return (await call("/api/tasks", json("POST", { title }))).json();
}

export async function updateTask(id: string, change: TaskChange): Promise<Task> {
  return (await call(`/api/tasks/${id}`, json("PATCH", change))).json();
}

export async function deleteTask(id: string): Promise<void> {
  await call(`/api/tasks/${id}`, { method: "DELETE" });
}
