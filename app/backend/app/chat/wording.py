"""Describes tasks and filters in words."""

from datetime import date, timedelta
from typing import Protocol

from app.tasks.models import TaskFilters

DAY = timedelta(days=1)


class Describable(Protocol):
    title: str
    completed: bool
    due_date: date | None
    priority: str
    tags: list[str]


def describe(task: Describable, today: date) -> str:
    """For example: "Call mom" (due tomorrow, high priority, #family)."""
    details = ["done"] if task.completed else []
    if task.due_date is not None:
        details.append(f"due {day_in_words(task.due_date, today)}")
    if task.priority != "normal":
        details.append(f"{task.priority} priority")
    details += [f"#{tag}" for tag in task.tags]
    return f'"{task.title}"' + (f" ({', '.join(details)})" if details else "")


def day_in_words(day: date, today: date) -> str:
    names = {today - DAY: "yesterday", today: "today", today + DAY: "tomorrow"}
    return names.get(day, f"{day:%A} {day}")


def kind_of_tasks(filters: TaskFilters, today: date) -> str:
    """For example: open high-priority tasks tagged #family, due tomorrow."""
    words = [] if filters.status == "all" else [filters.status]
    if filters.priority is not None:
        words.append(f"{filters.priority}-priority")
    words.append("tasks")
    if filters.q:
        words.append(f'with "{filters.q}"')
    if filters.tag is not None:
        words.append(f"tagged #{filters.tag}")
    return " ".join(words) + _due_in_words(filters.due_from, filters.due_before, today)


def _due_in_words(first: date | None, end: date | None, today: date) -> str:
    if first is None and end is None:
        return ""
    if first is not None and end == first + DAY:
        return f" due {day_in_words(first, today)}"
    since = f" from {day_in_words(first, today)}" if first is not None else ""
    until = f" before {day_in_words(end, today)}" if end is not None else ""
    return f" due{since}{until}"
