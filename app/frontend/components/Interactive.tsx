import type { ReactNode } from "react";
import { useHydrated } from "@/hooks/useHydrated";

/**
 * Shows its children at once, but keeps them inert until the page's scripts run. Before that, React
 * would overwrite what the user types, and a ticked box would look as if the change were stored.
 */
export function Interactive({ children }: { readonly children: ReactNode }) {
  return <div inert={!useHydrated()}>{children}</div>;
}
