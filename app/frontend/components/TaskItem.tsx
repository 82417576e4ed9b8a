import { Icon } from "@/components/Icon";
import { describeDay } from "@/lib/days";
import { showError } from "@/lib/showError";
import { capitalised, type Task } from "@/lib/tasks";

export interface TaskItemProps {
  readonly task: Task;
  readonly today: string;
  readonly onToggle: (task: Task) => Promise<unknown>;
  readonly onEdit: (task: Task) => void;
  readonly onDelete: (task: Task) => Promise<void>;
  readonly onTag: (tag: string) => void;
}

/**
 * Uses plain HTML elements: in a list with many rows, components would delay the start of the page.
 */
export function TaskItem({ task, today, onToggle, onEdit, onDelete, onTag }: TaskItemProps) {
  const { id, title, notes, completed } = task;
  return (
    <li className="task" data-done={completed || undefined}>
      <input
        id={id}
        type="checkbox"
        checked={completed}
        onChange={() => void onToggle(task).catch(showError)}
        aria-describedby={notes ? `${id}-notes` : undefined}
      />
      <div className="task-text">
        <label htmlFor={id}>{title}</label>
        {notes !== "" && (
          <p id={`${id}-notes`} className="notes">
            {notes}
          </p>
        )}
        <Details task={task} today={today} onTag={onTag} />
      </div>
      <button type="button" aria-label={`Edit ${title}`} onClick={() => onEdit(task)}>
        <Icon name="edit" />
      </button>
      <button type="button" aria-label={`Delete ${title}`} onClick={() => void onDelete(task)}>
        <Icon name="trash" />
      </button>
    </li>
  );
}

function Details({ task, today, onTag }: Pick<TaskItemProps, "task" | "today" | "onTag">) {
  const { due_date, priority, tags } = task;
  if (!due_date && priority === "normal" && tags.length === 0) return null;
  const overdue = !task.completed && due_date !== null && due_date < today;
  return (
    <p className="details">
      {due_date && (
        <time dateTime={due_date} data-overdue={overdue || undefined}>
          {overdue && "Overdue: "}
          {describeDay(due_date, today)}
        </time>
      )}
      {priority !== "normal" && (
        <span className="priority" data-priority={priority}>
          {capitalised(priority)} priority
        </span>
      )}
      {tags.map((tag) => (
        <button
          key={tag}
          type="button"
          className="tag"
          aria-label={`Show tasks tagged ${tag}`}
          onClick={() => onTag(tag)}
        >
          #{tag}
        </button>
      ))}
    </p>
  );
}
