import {
  ActionIcon,
  Button,
  Popover,
  Stack,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import { Brand } from "@/components/Brand";
import { Icon } from "@/components/Icon";
import { useShortcutsSetting } from "@/hooks/useShortcuts";
import { showError } from "@/lib/showError";
import type { User } from "@/lib/auth";

interface HeaderProps {
  readonly user: User;
  readonly assistantOpened: boolean;
  readonly onAssistantToggle: () => void;
}

export function Header({ user, assistantOpened, onAssistantToggle }: HeaderProps) {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light");
  return (
    <header className="bar">
      <Brand />
      <Button
        variant="light"
        leftSection={<Icon name="chat" />}
        aria-expanded={assistantOpened}
        onClick={onAssistantToggle}
      >
        Assistant
      </Button>
      <ActionIcon
        variant="subtle"
        color="gray"
        size={36}
        aria-label="Switch between light and dark"
        onClick={() => setColorScheme(scheme === "dark" ? "light" : "dark")}
      >
        <span className="mantine-light-hidden">
          <Icon name="sun" />
        </span>
        <span className="mantine-dark-hidden">
          <Icon name="moon" />
        </span>
      </ActionIcon>
      <Account user={user} />
    </header>
  );
}

function Account({ user }: Pick<HeaderProps, "user">) {
  const [shortcutsOn, setShortcutsOn] = useShortcutsSetting();
  return (
    <Popover position="bottom-end" width={280} trapFocus returnFocus>
      <Popover.Target>
        <ActionIcon variant="subtle" color="gray" size={36} aria-label="Account and settings">
          <Icon name="user" />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label="Account and settings">
        <Stack gap="sm" className="account">
          <div>
            <Text fw={600}>{user.name}</Text>
            <Text size="sm" c="dimmed">
              {user.email}
            </Text>
          </div>
          <label className="choice">
            <input
              type="checkbox"
              checked={shortcutsOn}
              onChange={(event) => setShortcutsOn(event.currentTarget.checked)}
            />
            Single-key shortcuts: / to search, n for a new task, u to undo
          </label>
          <Button variant="default" onClick={() => void signOut().catch(showError)}>
            Sign out
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

async function signOut(): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch("/api/auth/sign-out", { method: "POST", headers, body: "{}" });
  if (!response.ok) throw new Error("Signing out failed. Try again in a moment.");
  // removes drafts, so that the next user of this tab does not see them
  sessionStorage.clear();
  window.location.assign("/sign-in");
}
