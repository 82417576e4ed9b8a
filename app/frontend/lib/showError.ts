import { notifications } from "@mantine/notifications";

/** Says what went wrong, where it happened out of reach of a form. */
export function showError(error: unknown): void {
  notifications.show({
    color: "red",
    title: "That did not work",
    message: error instanceof Error ? error.message : String(error),
    closeButtonProps: { "aria-label": "Close" },
  });
}
