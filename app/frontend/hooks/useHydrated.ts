"use client";

import { useSyncExternalStore } from "react";

const never = () => () => {};

/** Whether the page's scripts run by now: not while the server renders it, nor until React has taken it over. */
export const useHydrated = (): boolean =>
  useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
