import { Button, Skeleton, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Icon } from "@/components/Icon";
import { TaskItem, type TaskItemProps } from "@/components/TaskItem";
import { useTaskPages } from "@/hooks/useTasks";
import { useToday } from "@/hooks/useToday";
import { type Filters, NO_FILTERS, writeFilters } from "@/lib/tasks";

interface TaskListProps extends Omit<TaskItemProps, "task" | "today" | "onTag"> {
  readonly filters: Filters;
  readonly onFilter: (change: Partial<Filters>) => void;
}

export function TaskList({ filters, onFilter, ...actions }: TaskListProps) {
  const query = useTaskPages(filters);
  const today = useToday();
  if (query.data === undefined) {
    if (query.isPending) return <Loading />;
    return (
      <Message title="Your tasks can’t be loaded right now" text={query.error?.message ?? ""} alert>
        <Button loading={query.isFetching} onClick={() => void query.refetch()}>
          Try again
        </Button>
      </Message>
    );
  }
  const tasks = query.data.pages.flatMap(({ items }) => items);
  if (tasks.length === 0) return <Nothing filters={filters} onFilter={onFilter} />;
  return (
    <div aria-busy={query.isPlaceholderData}>
      {query.isError && (
        <Text role="alert" c="var(--mantine-color-error)" mt="sm">
          {query.error.message}
        </Text>
      )}
      <ul className="card tasks" aria-label="Tasks">
        {tasks.map((task) => (
          <TaskItem
            key={task.id}
            task={task}
            today={today}
            onTag={(tag) => onFilter({ tag })}
            {...actions}
          />
        ))}
      </ul>
      {query.hasNextPage && (
        <Button
          variant="default"
          fullWidth
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Load more
        </Button>
      )}
    </div>
  );
}

function Nothing({ filters, onFilter }: Pick<TaskListProps, "filters" | "onFilter">) {
  if (writeFilters(filters).size === 0) {
    return (
      <Message
        icon
        title="Nothing to do yet"
        text="Add your first task above, or ask the assistant to."
      />
    );
  }
  return (
    <Message title="No task matches" text="Nothing fits what you are looking for.">
      <Button variant="default" onClick={() => onFilter(NO_FILTERS)}>
        Show all tasks
      </Button>
    </Message>
  );
}

interface MessageProps {
  readonly title: string;
  readonly text: string;
  readonly icon?: boolean;
  readonly alert?: boolean;
  readonly children?: ReactNode;
}

function Message({ title, text, icon, alert, children }: MessageProps) {
  return (
    <section className="message" role={alert ? "alert" : undefined}>
      {icon && <Icon name="check" size={40} />}
      <Title order={2} size="h4">
        {title}
      </Title>
      <Text c="dimmed">{text}</Text>
      {children}
    </section>
  );
}

function Loading() {
  return (
    <div className="card tasks" role="status" aria-label="Loading tasks">
      {[60, 40, 75].map((width) => (
        <div className="task" key={width}>
          <Skeleton height={20} width={20} />
          <Skeleton height={16} width={`${width}%`} />
        </div>
      ))}
    </div>
  );
}
