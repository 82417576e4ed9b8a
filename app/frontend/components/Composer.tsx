import { ActionIcon, Button, TextInput } from "@mantine/core";
import { useSessionStorage } from "@mantine/hooks";
import { type FormEvent, useState } from "react";
import { Icon } from "@/components/Icon";
import { ShortcutHint } from "@/components/ShortcutHint";
import { NEW_TASK_ID } from "@/hooks/useShortcuts";
import { NEW_TASK, problemsOf } from "@/lib/tasks";

interface ComposerProps {
  readonly userId: string;
  readonly onAdd: (title: string) => Promise<void>;
  readonly onDetails: (title: string) => void;
}

export function Composer({ userId, onAdd, onDetails }: ComposerProps) {
  const [title, setTitle] = useSessionStorage({ key: `new-task-${userId}`, defaultValue: "" });
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    const wrong = problemsOf({ ...NEW_TASK, title }).title;
    setProblem(wrong);
    if (busy || wrong) return;
    setBusy(true);
    // the title stays in the field until the task is stored
    await onAdd(title).then(
      () => setTitle(""),
      (error: Error) => setProblem(error.message),
    );
    setBusy(false);
  }

  function openDetails(): void {
    setProblem(undefined);
    setTitle("");
    onDetails(title);
  }

  return (
    <form className="composer" onSubmit={submit} noValidate>
      <TextInput
        id={NEW_TASK_ID}
        label="New task"
        size="md"
        placeholder="What’s next?"
        autoComplete="off"
        value={title}
        onChange={(event) => setTitle(event.currentTarget.value)}
        error={problem}
        aria-keyshortcuts="n"
        rightSectionWidth={72}
        rightSectionProps={{ className: "composer-end" }}
        rightSection={<End isEmpty={title === ""} onDetails={openDetails} />}
      />
      <Button type="submit" size="md" loading={busy}>
        Add task
      </Button>
    </form>
  );
}

function End({
  isEmpty,
  onDetails,
}: {
  readonly isEmpty: boolean;
  readonly onDetails: () => void;
}) {
  return (
    <>
      {isEmpty && <ShortcutHint shortcut="n" />}
      <ActionIcon variant="subtle" aria-label="Add with details" onClick={onDetails}>
        <Icon name="details" />
      </ActionIcon>
    </>
  );
}
