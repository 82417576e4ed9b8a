import { useEffect, useRef, useState } from "react";
import { EditTask } from "@/components/EditTask";
import type { Task, TaskChange } from "@/lib/tasks";

interface TaskItemProps {
  readonly task: Task;
  readonly onChange: (fields: TaskChange) => Promise<boolean>;
  readonly onDelete: () => void;
}

export function TaskItem({ task, onChange, onDelete }: TaskItemProps) {
  const [editing, setEditing] = useState(false);
  const editButton = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);

  // the keyboard continues where it left off
  useEffect(() => {
    if (wasEditing.current && !editing) editButton.current?.focus();
    wasEditing.current = editing;
  }, [editing]);

  if (editing) {
    return (
      <li>
        <EditTask task={task} onSave={onChange} onClose={() => setEditing(false)} />
      </li>
    );
  }
  return (
    <li className={task.completed ? "done" : undefined}>
      <input
        type="checkbox"
        id={task.id}
        checked={task.completed}
        onChange={(event) => void onChange({ completed: event.target.checked })}
        aria-describedby={task.notes === "" ? undefined : `${task.id}-notes`}
      />
      <div className="text">
        <label htmlFor={task.id}>{task.title}</label>
        {task.notes !== "" && (
          <p id={`${task.id}-notes`} className="notes">
            {task.notes}
          </p>
        )}
      </div>
      <div className="actions">
        <button
          type="button"
          ref={editButton}
          aria-label={`Edit ${task.title}`}
          onClick={() => setEditing(true)}
        >
          Edit
        </button>
        <button type="button" aria-label={`Delete ${task.title}`} onClick={onDelete}>
          Delete
        </button>
      </div>
    </li>
  );
}
