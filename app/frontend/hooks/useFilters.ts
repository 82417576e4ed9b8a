"use client";

import { useSearchParams } from "next/navigation";
import { type Filters, readFilters, writeFilters } from "@/lib/tasks";

/**
 * The filters are part of the page's address, so that a reload, a bookmark or a link keeps them.
 */
export function useFilters(): [Filters, (change: Partial<Filters>) => void] {
  const filters = readFilters(useSearchParams());
  const change = (changed: Partial<Filters>) => {
    // read from the current address: there may have been another change since the last rendering
    const current = readFilters(new URLSearchParams(window.location.search));
    const query = writeFilters({ ...current, ...changed }).toString();
    window.history.replaceState(null, "", query ? `/?${query}` : "/");
  };
  return [filters, change];
}
