"use client";

import { useSyncExternalStore } from "react";
import { localDay } from "@/lib/days";

const CHECK_MS = 60_000;

function everyMinute(onChange: () => void): () => void {
  const timer = setInterval(onChange, CHECK_MS);
  return () => clearInterval(timer);
}

/**
 * Today in the user's time zone, updated after midnight. The server does not know it and uses UTC.
 */
export const useToday = (): string =>
  useSyncExternalStore(
    everyMinute,
    () => localDay(new Date()),
    () => new Date().toISOString().slice(0, 10),
  );
