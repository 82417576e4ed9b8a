import type { ReactNode } from "react";
import { useHydrated } from "@/hooks/useHydrated";

/**
 * Shown at once, in reach once it works. Before that, what is typed would be overwritten, and a box
 * that is ticked would look as if that were stored.
 */
export function Interactive({ children }: { readonly children: ReactNode }) {
  return <div inert={!useHydrated()}>{children}</div>;
}
