"use client";

import { useSessionStorage } from "@mantine/hooks";
import type { Task, TaskFields } from "@/lib/tasks";

/** What the user is typing in the task dialog. */
export interface Draft {
  /** The task that is edited; without it, a new task is added. */
  readonly task?: Task;
  readonly fields: TaskFields;
}

/** The draft is kept in the browser tab, so that it survives a reload or the end of the session. */
export const useDraft = (userId: string) =>
  useSessionStorage<Draft | null>({ key: `draft-${userId}`, defaultValue: null });
