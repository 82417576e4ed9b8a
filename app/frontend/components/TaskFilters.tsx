import { Button, NativeSelect, SegmentedControl, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useEffect, useState } from "react";
import { Icon } from "@/components/Icon";
import { ShortcutHint } from "@/components/ShortcutHint";
import { SEARCH_ID } from "@/hooks/useShortcuts";
import { useSummary } from "@/hooks/useTasks";
import {
  capitalised,
  type Filters,
  NO_FILTERS,
  PRIORITIES,
  STATUSES,
  writeFilters,
} from "@/lib/tasks";

const SEARCH_DELAY_MS = 250;

interface TaskFiltersProps {
  readonly filters: Filters;
  readonly onChange: (change: Partial<Filters>) => void;
}

export function TaskFilters({ filters, onChange }: TaskFiltersProps) {
  const [typed, setTyped] = useState(filters.q);
  const search = useDebouncedCallback((q: string) => onChange({ q }), SEARCH_DELAY_MS);

  // "Clear filters" and other buttons empty the search from outside this field
  useEffect(() => {
    if (filters.q === "") setTyped("");
  }, [filters.q]);

  return (
    <search className="filters">
      <TextInput
        id={SEARCH_ID}
        type="search"
        aria-label="Search tasks"
        aria-keyshortcuts="/"
        placeholder="Search"
        autoComplete="off"
        value={typed}
        onChange={({ currentTarget: { value } }) => {
          setTyped(value);
          search(value);
        }}
        leftSection={<Icon name="search" />}
        rightSection={typed === "" && <ShortcutHint shortcut="/" />}
      />
      <SegmentedControl
        aria-label="Status"
        data={STATUSES.map((value) => ({ value, label: capitalised(value) }))}
        value={filters.status}
        onChange={(status) => onChange({ status: status as Filters["status"] })}
      />
      <PriorityAndTag filters={filters} onChange={onChange} />
      {writeFilters(filters).size > 0 && (
        <Button variant="subtle" size="compact-sm" onClick={() => onChange(NO_FILTERS)}>
          Clear filters
        </Button>
      )}
    </search>
  );
}

function PriorityAndTag({ filters, onChange }: TaskFiltersProps) {
  const { data: summary } = useSummary();
  const names = summary?.tags.map(({ name }) => name) ?? [];
  const tags = filters.tag && !names.includes(filters.tag) ? [filters.tag, ...names] : names;
  const priorities = PRIORITIES.map((value) => ({ value, label: capitalised(value) }));
  return (
    <>
      <NativeSelect
        aria-label="Priority"
        data={[{ value: "", label: "Any priority" }, ...priorities]}
        value={filters.priority}
        onChange={({ currentTarget: { value } }) =>
          onChange({ priority: value as Filters["priority"] })
        }
      />
      <NativeSelect
        aria-label="Tag"
        data={[{ value: "", label: "Any tag" }, ...tags.map((value) => ({ value, label: value }))]}
        value={filters.tag}
        onChange={(event) => onChange({ tag: event.currentTarget.value })}
      />
    </>
  );
}
