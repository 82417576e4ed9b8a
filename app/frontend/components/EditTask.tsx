import { type FormEvent, useId, useState } from "react";
import { NOTES_MAX_LENGTH, type Task, type TaskChange, TITLE_MAX_LENGTH } from "@/lib/tasks";

interface EditTaskProps {
  readonly task: Task;
  readonly onSave: (fields: TaskChange) => Promise<boolean>;
  readonly onClose: () => void;
}

export function EditTask({ task, onSave, onClose }: EditTaskProps) {
  const [title, setTitle] = useState(task.title);
  const [notes, setNotes] = useState(task.notes);
  const [busy, setBusy] = useState(false);
  const id = useId();

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (busy || title.trim() === "") return;
    setBusy(true);
    // stays open with what was typed when saving fails
    if (await onSave({ title, notes })) onClose();
    else setBusy(false);
  }

  return (
    <form
      className="edit-task"
      aria-label={`Edit ${task.title}`}
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
      }}
    >
      <label htmlFor={`${id}-title`}>Title</label>
      <input
        id={`${id}-title`}
        value={title}
        onChange={(event) => setTitle(event.target.value)}
        maxLength={TITLE_MAX_LENGTH}
        autoComplete="off"
        autoFocus
        required
      />
      <label htmlFor={`${id}-notes`}>Notes</label>
      <textarea
        id={`${id}-notes`}
        value={notes}
        onChange={(event) => setNotes(event.target.value)}
        maxLength={NOTES_MAX_LENGTH}
        rows={4}
      />
      <div className="actions">
        <button type="submit" className="primary" aria-disabled={busy}>
          Save
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}
