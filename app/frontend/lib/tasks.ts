export const PRIORITIES = ["high", "normal", "low"] as const;
export const STATUSES = ["all", "open", "done"] as const;

/** The label of a priority or a status on the page. */
export const capitalised = (word: string): string => word[0]!.toUpperCase() + word.slice(1);

export interface TaskFields {
  readonly title: string;
  readonly notes: string;
  /** A day like 2026-01-31, without a time zone. */
  readonly due_date: string | null;
  readonly priority: (typeof PRIORITIES)[number];
  readonly tags: readonly string[];
}

export interface Task extends TaskFields {
  readonly id: string;
  readonly completed: boolean;
  readonly created_at: string;
  readonly updated_at: string;
}

export type TaskChange = Partial<TaskFields & Pick<Task, "completed">>;

export interface TaskPage {
  readonly items: readonly Task[];
  readonly next_cursor: string | null;
}

export interface Summary {
  readonly open: number;
  readonly done: number;
  readonly tags: readonly { readonly name: string; readonly count: number }[];
}

/** Which tasks the list shows; the page's address contains the same. Empty means any. */
export interface Filters {
  readonly q: string;
  readonly status: (typeof STATUSES)[number];
  readonly priority: TaskFields["priority"] | "";
  readonly tag: string;
}

export const NO_FILTERS: Filters = { q: "", status: "all", priority: "", tag: "" };

export function readFilters(query: URLSearchParams): Filters {
  return {
    q: query.get("q") ?? "",
    status: STATUSES.find((status) => status === query.get("status")) ?? "all",
    priority: PRIORITIES.find((priority) => priority === query.get("priority")) ?? "",
    tag: query.get("tag") ?? "",
  };
}

export function writeFilters(filters: Filters): URLSearchParams {
  const chosen = Object.entries(filters).filter(
    ([name, value]) => value !== NO_FILTERS[name as keyof Filters],
  );
  return new URLSearchParams(chosen);
}

/** The API path of a page of tasks. The previous page has the cursor; null is the first page. */
export function taskPagePath(filters: Filters, cursor: string | null): string {
  const query = writeFilters(filters);
  if (cursor) query.set("cursor", cursor);
  return `/api/tasks?${query}`;
}

export const NEW_TASK: TaskFields = {
  title: "",
  notes: "",
  due_date: null,
  priority: "normal",
  tags: [],
};

export const LIMITS = { title: 200, notes: 10_000, tags: 10, tag: 30 };

/** One sentence for each field that the API would reject. */
export function problemsOf(fields: TaskFields): Partial<Record<keyof TaskFields, string>> {
  const { title, notes, tags } = fields;
  const wrongTag = tags.find((tag) => tag.length > LIMITS.tag || !/^[\p{L}\p{N}_-]+$/u.test(tag));
  return {
    ...(title.trim() === "" && { title: "Give the task a title." }),
    ...(title.trim().length > LIMITS.title && {
      title: `A title has at most ${LIMITS.title} characters; this one has ${title.trim().length}.`,
    }),
    ...(notes.length > LIMITS.notes && {
      notes: `Notes have at most ${LIMITS.notes} characters; these have ${notes.length}.`,
    }),
    ...(tags.length > LIMITS.tags && { tags: `A task has at most ${LIMITS.tags} tags.` }),
    ...(wrongTag !== undefined && {
      tags: `“${wrongTag}” can't be a tag: at most ${LIMITS.tag} letters, digits, - and _.`,
    }),
  };
}
