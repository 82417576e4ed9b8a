"""The tools with which an assistant reads and changes tasks. Every tool answers in sentences."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, NamedTuple

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from app.chat.wording import describe, kind_of_tasks
from app.database import Task
from app.errors import LimitReachedError, field_error, in_words
from app.tasks.models import Status, Storable, TaskCreate, TaskFilters, TaskUpdate
from app.tasks.store import TasksOfUser, UserTasks

MOST_LISTED = 20
MOST_NAMED = 5
IGNORED_WORDS = frozenset(["a", "an", "my", "task", "the", "todo"])


class OneTask(BaseModel):
    model_config = ConfigDict(extra="forbid")

    words: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
        Storable,
        Field(description="words of the task's title"),
    ]


@dataclass(frozen=True)
class Result:
    text: str
    changed: bool = True


class NotOneTaskError(Exception):
    """No task matches the words, or several do; the message says so and names them."""


def add_task(tasks: UserTasks, arguments: TaskCreate, today: date) -> Result:
    task = tasks.add(arguments)
    return Result(f"Added {describe(task, today)}.")


def list_tasks(tasks: UserTasks, filters: TaskFilters, today: date) -> Result:
    found = tasks.page(filters, MOST_LISTED + 1)
    kind = kind_of_tasks(filters, today)
    lines = [f"- {describe(task, today)}" for task in found[:MOST_LISTED]]
    if len(found) > MOST_LISTED:
        lines.append("- … and more")
    text = "\n".join([f"Your {kind}:", *lines]) if lines else f"There are no {kind}."
    return Result(text, changed=False)


def complete_task(tasks: UserTasks, arguments: OneTask, _today: date) -> Result:
    task = _the_one(tasks, arguments.words, "open")
    tasks.update(task.id, TaskUpdate(completed=True))
    return Result(f'"{task.title}" is done.')


def reopen_task(tasks: UserTasks, arguments: OneTask, _today: date) -> Result:
    task = _the_one(tasks, arguments.words, "done")
    tasks.update(task.id, TaskUpdate(completed=False))
    return Result(f'"{task.title}" is open again.')


def delete_task(tasks: UserTasks, arguments: OneTask, _today: date) -> Result:
    task = _the_one(tasks, arguments.words, "all")
    tasks.delete(task.id)
    return Result(f'Deleted "{task.title}".')


def _the_one(tasks: UserTasks, phrase: str, status: Status) -> Task:
    words = phrase.split()
    telling = [word for word in words if word.lower() not in IGNORED_WORDS] or words
    found = tasks.matching(telling, phrase, status, MOST_NAMED + 1)
    same = [task for task in found if task.title.lower() == phrase.lower()]
    if len(found) == 1 or len(same) == 1:
        return (same or found)[0]
    kind = "task" if status == "all" else f"{status} task"
    if not found:
        raise NotOneTaskError(f'No {kind} has "{phrase}" in its title.')
    names = [f'"{task.title}"' for task in found[:MOST_NAMED]]
    if len(found) > MOST_NAMED:
        names.append("…")
    raise NotOneTaskError(
        f'Several tasks have "{phrase}" in their title: {", ".join(names)}. Which one do you mean?'
    )


class Tool(NamedTuple):
    description: str
    arguments: type[BaseModel]
    run: Callable[[UserTasks, Any, date], Result]


TOOLS = {
    "add_task": Tool("Adds a task to the user's list.", TaskCreate, add_task),
    "list_tasks": Tool("Lists the user's tasks, newest first.", TaskFilters, list_tasks),
    "complete_task": Tool("Marks one open task as done.", OneTask, complete_task),
    "reopen_task": Tool("Marks one done task as open again.", OneTask, reopen_task),
    "delete_task": Tool("Deletes one task.", OneTask, delete_task),
}


@dataclass(frozen=True)
class TaskTools:
    """The tools of one conversation, for one user's tasks and the date in the user's time zone."""

    tasks: TasksOfUser
    today: date
    on_change: Callable[[], Awaitable[None]]

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """Runs a tool. A thread and a connection are in use only while the tool runs."""
        tool = TOOLS[name]
        try:
            checked = tool.arguments.model_validate(arguments)
            result = await to_thread.run_sync(self._run, tool, checked)
        except ValidationError as error:
            return in_words([field_error(e, name, *e["loc"]) for e in error.errors()])
        except (NotOneTaskError, LimitReachedError) as error:
            return str(error)
        if result.changed:
            await self.on_change()
        return result.text

    def _run(self, tool: Tool, arguments: BaseModel) -> Result:
        with self.tasks.changing() as tasks:
            return tool.run(tasks, arguments, self.today)
