"use client";

import { useHotkeys, useLocalStorage } from "@mantine/hooks";

/** The ids of the fields that shortcuts focus. */
export const SEARCH_ID = "search";
export const NEW_TASK_ID = "new-task";

export const useShortcutsSetting = () => useLocalStorage({ key: "shortcuts", defaultValue: true });

/**
 * Single-key shortcuts, which users can turn off. They do nothing while typing or behind a dialog.
 */
export function useShortcuts(undo: () => void): void {
  const [enabled] = useShortcutsSetting();
  const unlessInDialog = (action: () => void) => () => {
    if (enabled && !document.querySelector("[aria-modal=true]")) action();
  };
  const focus = (id: string) => unlessInDialog(() => document.getElementById(id)?.focus());
  useHotkeys([
    ["/", focus(SEARCH_ID)],
    ["n", focus(NEW_TASK_ID)],
    ["u", unlessInDialog(undo)],
  ]);
}
