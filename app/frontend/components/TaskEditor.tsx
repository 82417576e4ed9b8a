import {
  Alert,
  Button,
  Group,
  Modal,
  NativeSelect,
  Stack,
  TagsInput,
  Textarea,
  TextInput,
  Title,
} from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { type FormEvent, useState } from "react";
import type { Draft } from "@/hooks/useDraft";
import { useSummary } from "@/hooks/useTasks";
import {
  capitalised,
  LIMITS,
  PRIORITIES,
  problemsOf,
  type Task,
  type TaskFields,
} from "@/lib/tasks";

interface TaskEditorProps {
  readonly draft: Draft | null;
  readonly onChange: (draft: Draft | null) => void;
  readonly onSave: (fields: TaskFields, task?: Task) => Promise<void>;
}

export function TaskEditor({ draft, onChange, onSave }: TaskEditorProps) {
  const isPhone = useMediaQuery("(max-width: 36em)");
  const name = draft?.task ? "Edit task" : "New task";
  return (
    <Modal.Root
      opened={draft !== null}
      onClose={() => onChange(null)}
      fullScreen={isPhone}
      // a click beside the dialog must not discard the draft
      closeOnClickOutside={false}
    >
      <Modal.Overlay />
      <Modal.Content aria-label={name}>
        <Modal.Body>
          <Group justify="space-between" mb="md">
            <Title order={2} size="h4">
              {name}
            </Title>
            <Modal.CloseButton aria-label="Close" />
          </Group>
          {draft && <EditorForm draft={draft} onChange={onChange} onSave={onSave} />}
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

function EditorForm({ draft, onChange, onSave }: TaskEditorProps & { readonly draft: Draft }) {
  const [failure, setFailure] = useState<string>();
  const [submitted, setSubmitted] = useState(false);
  const [busy, setBusy] = useState(false);
  const problems = submitted ? problemsOf(draft.fields) : {};
  const set = (change: Partial<TaskFields>) =>
    onChange({ ...draft, fields: { ...draft.fields, ...change } });

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    setSubmitted(true);
    if (busy || Object.keys(problemsOf(draft.fields)).length > 0) return;
    setBusy(true);
    try {
      const { title, notes, due_date, priority, tags } = draft.fields;
      await onSave({ title, notes, due_date, priority, tags }, draft.task);
      onChange(null);
    } catch (error) {
      // the dialog stays open and keeps the draft
      setFailure(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {failure && (
          <Alert color="red" role="alert">
            {failure}
          </Alert>
        )}
        <Fields fields={draft.fields} problems={problems} set={set} />
        <Group justify="flex-end">
          <Button variant="default" onClick={() => onChange(null)}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface FieldsProps {
  readonly fields: TaskFields;
  readonly problems: ReturnType<typeof problemsOf>;
  readonly set: (change: Partial<TaskFields>) => void;
}

function Fields({ fields, problems, set }: FieldsProps) {
  const { data: summary } = useSummary();
  return (
    <>
      <TextInput
        label="Title"
        data-autofocus
        autoComplete="off"
        value={fields.title}
        onChange={(event) => set({ title: event.currentTarget.value })}
        error={problems.title}
      />
      <Textarea
        label="Notes"
        autosize
        minRows={3}
        maxRows={10}
        value={fields.notes}
        onChange={(event) => set({ notes: event.currentTarget.value })}
        error={problems.notes}
      />
      <DueAndPriority fields={fields} set={set} />
      <TagsInput
        label="Tags"
        description={`Up to ${LIMITS.tags} tags; press Enter or type a comma after each`}
        splitChars={[",", " "]}
        data={summary?.tags.map(({ name }) => name) ?? []}
        value={[...fields.tags]}
        onChange={(tags) => set({ tags: tags.map((tag) => tag.toLowerCase()) })}
        error={problems.tags}
      />
    </>
  );
}

function DueAndPriority({ fields, set }: Pick<FieldsProps, "fields" | "set">) {
  return (
    <Group grow align="start">
      <TextInput
        type="date"
        label="Due date"
        value={fields.due_date ?? ""}
        onChange={(event) => set({ due_date: event.currentTarget.value || null })}
      />
      <NativeSelect
        label="Priority"
        data={PRIORITIES.map((value) => ({ value, label: capitalised(value) }))}
        value={fields.priority}
        onChange={({ currentTarget: { value } }) =>
          set({ priority: value as TaskFields["priority"] })
        }
      />
    </Group>
  );
}
