"use client";

import {
  type InfiniteData,
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { createTask, deleteTask, get, listTasks, restoreTask, updateTask } from "@/lib/api";
import type { Filters, Summary, Task, TaskChange, TaskPage } from "@/lib/tasks";

const TASKS = ["tasks"];
const SUMMARY = ["/api/tasks/summary"];

type Pages = InfiniteData<TaskPage, string | null>;

export function useTaskPages(filters: Filters) {
  return useInfiniteQuery({
    queryKey: [...TASKS, filters],
    queryFn: ({ pageParam, signal }) => listTasks(filters, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

export const useSummary = () =>
  useQuery({ queryKey: SUMMARY, queryFn: ({ signal }) => get<Summary>(SUMMARY[0]!, signal) });

/** Fetches the shown tasks again, because something other than this page has changed them. */
export function useRefreshTasks() {
  const client = useQueryClient();
  return () =>
    Promise.all([TASKS, SUMMARY].map((queryKey) => client.invalidateQueries({ queryKey })));
}

/** A change that is shown at once, and undone if the API refuses it (an optimistic update). */
function useChange<Input, Output>(
  change: (input: Input) => Promise<Output>,
  show: (tasks: readonly Task[], input: Input) => readonly Task[],
) {
  const client = useQueryClient();
  const refresh = useRefreshTasks();
  return useMutation({
    mutationKey: TASKS,
    mutationFn: change,
    onMutate: async (input) => {
      await client.cancelQueries({ queryKey: TASKS });
      const before = client.getQueriesData<Pages>({ queryKey: TASKS });
      client.setQueriesData<Pages>({ queryKey: TASKS }, (data) => {
        const pages = data?.pages.map((page) => ({ ...page, items: show(page.items, input) }));
        return data && { ...data, pages: pages ?? [] };
      });
      return before;
    },
    onError: (_error, _input, before) => {
      for (const [queryKey, data] of before ?? []) client.setQueryData(queryKey, data);
    },
    // not while another change is pending: the API's list would not contain it yet
    onSettled: () => (client.isMutating({ mutationKey: TASKS }) === 1 ? refresh() : undefined),
  });
}

/** The changes of tasks. Each returns a promise; a rejection has a message for the user. */
export function useTaskChanges() {
  const unchanged = (tasks: readonly Task[]) => tasks;
  const create = useChange((fields: TaskChange) => createTask(fields), unchanged);
  const update = useChange(
    ({ id, fields }: { id: string; fields: TaskChange }) => updateTask(id, fields),
    (tasks, { id, fields }) =>
      tasks.map((task) => (task.id === id ? { ...task, ...fields } : task)),
  );
  const remove = useChange(
    (task: Task) => deleteTask(task.id),
    (tasks, { id }) => tasks.filter((task) => task.id !== id),
  );
  const restore = useChange((task: Task) => restoreTask(task.id), unchanged);
  return {
    create: create.mutateAsync,
    update: (task: Task, fields: TaskChange) => update.mutateAsync({ id: task.id, fields }),
    remove: remove.mutateAsync,
    restore: restore.mutateAsync,
  };
}

export type TaskChanges = ReturnType<typeof useTaskChanges>;
