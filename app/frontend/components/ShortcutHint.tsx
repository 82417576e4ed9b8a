import { Kbd } from "@mantine/core";
import { useShortcutsSetting } from "@/hooks/useShortcuts";

/** Shows the key that focuses the field, if shortcuts are on. */
export function ShortcutHint({ shortcut }: { readonly shortcut: string }) {
  const [enabled] = useShortcutsSetting();
  return enabled && <Kbd className="hint">{shortcut}</Kbd>;
}
