"use client";

import { useSyncExternalStore } from "react";
import { localDay } from "@/lib/days";

const CHECK_MS = 60_000;

function everyMinute(onChange: () => void): () => void {
  const timer = setInterval(onChange, CHECK_MS);
  return () => clearInterval(timer);
}

/** The local day, also after midnight. The server, which knows no time zone, takes the one of UTC. */
export const useToday = (): string =>
  useSyncExternalStore(
    everyMinute,
    () => localDay(new Date()),
    () => new Date().toISOString().slice(0, 10),
  );
