"use client";

import { useSyncExternalStore } from "react";

const never = () => () => {};

/** Whether React has hydrated the page: false on the server and until the page's scripts run. */
export const useHydrated = (): boolean =>
  useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
