"use client";

import { useRef, useState } from "react";
import { NewTask } from "@/components/NewTask";
import { TaskItem } from "@/components/TaskItem";
import {
  createTask,
  deleteTask,
  listTasks,
  type Task,
  type TaskChange,
  updateTask,
} from "@/lib/tasks";

interface TaskBoardProps {
  /** What the server found, or null when it could not reach the API. */
  readonly initialTasks: readonly Task[] | null;
}

export function TaskBoard({ initialTasks }: TaskBoardProps) {
  const [tasks, setTasks] = useState(initialTasks);
  const [error, setError] = useState("");
  const [status, setStatus] = useState("");
  const heading = useRef<HTMLHeadingElement>(null);

  /** Runs one change; shows why it failed, or says to screen readers what was done. */
  async function attempt(action: () => Promise<string>): Promise<boolean> {
    try {
      setStatus(await action());
      setError("");
      return true;
    } catch (reason) {
      setError(reason instanceof Error ? reason.message : String(reason));
      return false;
    }
  }

  function replace(changed: Task): void {
    setTasks((before) => before?.map((task) => (task.id === changed.id ? changed : task)) ?? null);
  }

  const reload = () =>
    attempt(async () => {
      setTasks(await listTasks());
      return "Tasks loaded";
    });

  const add = (title: string) =>
    attempt(async () => {
      const created = await createTask(title);
      setTasks((before) => [created, ...(before ?? [])]);
      return `Added ${created.title}`;
    });

  const change = (task: Task, fields: TaskChange) =>
    attempt(async () => {
      // shown at once and taken back if the API refuses: a checkbox must not lag behind the click
      if (fields.completed !== undefined) replace({ ...task, ...fields });
      try {
        replace(await updateTask(task.id, fields));
      } catch (reason) {
        replace(task);
        throw reason;
      }
      return `Saved ${task.title}`;
    });

  const remove = (task: Task) =>
    attempt(async () => {
      await deleteTask(task.id);
      setTasks((before) => before?.filter(({ id }) => id !== task.id) ?? null);
      // the focused button is gone with its task
      heading.current?.focus();
      return `Deleted ${task.title}`;
    });

  return (
    <main>
      <header>
        <h1 ref={heading} tabIndex={-1}>
          Tasks
        </h1>
        {tasks !== null && <p className="summary">{summary(tasks)}</p>}
      </header>
      {tasks !== null && <NewTask onAdd={add} />}
      {error !== "" && (
        <p role="alert" className="notice">
          {error}
        </p>
      )}
      {tasks === null && <Unavailable onRetry={reload} />}
      {tasks?.length === 0 && (
        <p className="empty">Nothing to do yet. Add your first task above.</p>
      )}
      {tasks !== null && tasks.length > 0 && (
        <ul aria-label="Tasks" className="tasks">
          {tasks.map((task) => (
            <TaskItem
              key={task.id}
              task={task}
              onChange={(fields) => change(task, fields)}
              onDelete={() => remove(task)}
            />
          ))}
        </ul>
      )}
      <p role="status" className="visually-hidden">
        {status}
      </p>
    </main>
  );
}

function summary(tasks: readonly Task[]): string {
  const done = tasks.filter(({ completed }) => completed).length;
  return `${tasks.length - done} open, ${done} done`;
}

function Unavailable({ onRetry }: { readonly onRetry: () => void }) {
  return (
    <section className="empty" aria-labelledby="unavailable">
      <h2 id="unavailable">Your tasks can’t be loaded right now</h2>
      <p>The service that keeps them is not answering.</p>
      <button type="button" className="primary" onClick={onRetry}>
        Try again
      </button>
    </section>
  );
}
