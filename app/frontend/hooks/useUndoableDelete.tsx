"use client";

import { Button } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { type RefObject, useRef } from "react";
import type { TaskChanges } from "@/hooks/useTasks";
import { showError } from "@/lib/showError";
import type { Task } from "@/lib/tasks";

/** Deletes a task at once, and offers to undo that as long as the notification is shown. */
export function useUndoableDelete(
  { remove, restore }: TaskChanges,
  focusAfter: RefObject<HTMLElement | null>,
) {
  const latest = useRef<Task>(null);

  async function undo(task = latest.current): Promise<void> {
    if (!task) return;
    latest.current = null;
    notifications.hide(task.id);
    await restore(task).catch(showError);
  }

  async function removeUndoably(task: Task): Promise<void> {
    // the focused button disappears with its task
    focusAfter.current?.focus();
    try {
      await remove(task);
    } catch (error) {
      return showError(error);
    }
    latest.current = task;
    notifications.show({
      id: task.id,
      message: (
        <span className="undo">
          <span>Deleted “{task.title}”</span>
          <Button size="compact-sm" variant="default" onClick={() => void undo(task)}>
            Undo
          </Button>
        </span>
      ),
      onClose: () => {
        if (latest.current === task) latest.current = null;
      },
      closeButtonProps: { "aria-label": "Close" },
    });
  }

  return { remove: removeUndoably, undo: () => void undo() };
}
