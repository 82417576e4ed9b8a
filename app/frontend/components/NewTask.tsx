import { type FormEvent, useState } from "react";
import { TITLE_MAX_LENGTH } from "@/lib/tasks";

interface NewTaskProps {
  readonly onAdd: (title: string) => Promise<boolean>;
}

export function NewTask({ onAdd }: NewTaskProps) {
  const [title, setTitle] = useState("");
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (busy || title.trim() === "") return;
    setBusy(true);
    // what was typed stays until it is stored
    if (await onAdd(title)) setTitle("");
    setBusy(false);
  }

  return (
    <form className="new-task" onSubmit={submit}>
      <label htmlFor="new-task">New task</label>
      <div className="row">
        <input
          id="new-task"
          value={title}
          onChange={(event) => setTitle(event.target.value)}
          maxLength={TITLE_MAX_LENGTH}
          autoComplete="off"
          required
        />
        <button type="submit" className="primary" aria-disabled={busy}>
          Add task
        </button>
      </div>
    </form>
  );
}
