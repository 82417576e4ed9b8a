import { notifications } from "@mantine/notifications";

/** Shows an error as a notification, for actions without a form that could show it. */
export function showError(error: unknown): void {
  notifications.show({
    color: "red",
    title: "That did not work",
    message: error instanceof Error ? error.message : String(error),
    closeButtonProps: { "aria-label": "Close" },
  });
}
