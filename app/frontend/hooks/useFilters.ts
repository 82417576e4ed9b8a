"use client";

import { useSearchParams } from "next/navigation";
import { type Filters, readFilters, writeFilters } from "@/lib/tasks";

/** The filters live in the page's address, so that a reload, a bookmark or a link keeps them. */
export function useFilters(): [Filters, (change: Partial<Filters>) => void] {
  const filters = readFilters(useSearchParams());
  const change = (changed: Partial<Filters>) => {
    // of the address as it is by now: two changes may come before this renders again
    const current = readFilters(new URLSearchParams(window.location.search));
    const query = writeFilters({ ...current, ...changed }).toString();
    window.history.replaceState(null, "", query ? `/?${query}` : "/");
  };
  return [filters, change];
}
