"use client";

import { useDisclosure } from "@mantine/hooks";
import { Title } from "@mantine/core";
import { type RefObject, useLayoutEffect, useRef, useState } from "react";
import { Assistant } from "@/components/Assistant";
import { Composer } from "@/components/Composer";
import { Header } from "@/components/Header";
import { Interactive } from "@/components/Interactive";
import { TaskEditor } from "@/components/TaskEditor";
import { TaskFilters } from "@/components/TaskFilters";
import { TaskList } from "@/components/TaskList";
import { useDraft } from "@/hooks/useDraft";
import { useFilters } from "@/hooks/useFilters";
import { useShortcuts } from "@/hooks/useShortcuts";
import { type TaskChanges, useSummary, useTaskChanges } from "@/hooks/useTasks";
import { useUndoableDelete } from "@/hooks/useUndoableDelete";
import { actFor } from "@/lib/api";
import type { User } from "@/lib/auth";
import { NEW_TASK, NO_FILTERS, type Task, type TaskFields } from "@/lib/tasks";

export function TaskBoard({ user }: { readonly user: User }) {
  // a layout effect runs before the effects that send the first requests
  useLayoutEffect(() => actFor(user.id), [user.id]);
  const [filters, setFilters] = useFilters();
  const changes = useTaskChanges();
  const heading = useRef<HTMLHeadingElement>(null);
  const [assistantOpened, assistant] = useDisclosure(false);
  const [draft, setDraft] = useDraft(user.id);
  // a new task must be in sight, whatever the filters were
  const { save, status } = useSave(changes, () => setFilters(NO_FILTERS));
  const { remove, undo } = useUndoableDelete(changes, heading);
  useShortcuts(undo);

  return (
    <div className="shell" data-assistant={assistantOpened || undefined}>
      <Interactive>
        <Header
          user={user}
          assistantOpened={assistantOpened}
          onAssistantToggle={assistant.toggle}
        />
      </Interactive>
      <main className="board">
        <Heading ref={heading} />
        <Interactive>
          <Composer
            userId={user.id}
            onAdd={(title) => save({ ...NEW_TASK, title })}
            onDetails={(title) => setDraft({ fields: { ...NEW_TASK, title } })}
          />
          <TaskFilters filters={filters} onChange={setFilters} />
          <TaskList
            filters={filters}
            onFilter={setFilters}
            onEdit={(task) => setDraft({ task, fields: task })}
            onToggle={(task) => changes.update(task, { completed: !task.completed })}
            onDelete={remove}
          />
        </Interactive>
        <p role="status" className="unseen">
          {status}
        </p>
      </main>
      <TaskEditor draft={draft} onChange={setDraft} onSave={save} />
      <Assistant userId={user.id} opened={assistantOpened} onClose={assistant.close} />
    </div>
  );
}

/** Saves a new or an edited task; `status` says so to screen readers. */
function useSave(changes: TaskChanges, onAdded: () => void) {
  const [status, setStatus] = useState("");
  async function save(fields: TaskFields, task?: Task): Promise<void> {
    const saved = await (task ? changes.update(task, fields) : changes.create(fields));
    if (!task) onAdded();
    setStatus(`${task ? "Saved" : "Added"} ${saved.title}`);
  }
  return { save, status };
}

function Heading({ ref }: { readonly ref: RefObject<HTMLHeadingElement | null> }) {
  const { data: summary } = useSummary();
  return (
    <div className="heading">
      <Title ref={ref} tabIndex={-1}>
        Tasks
      </Title>
      {summary && <p>{`${summary.open} open, ${summary.done} done`}</p>}
    </div>
  );
}
