"""Changes a user's tasks."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.orm import Session

from app.database import Task
from app.errors import LimitReachedError
from app.metrics import UseMetrics
from app.tasks.models import Status, TaskCreate, TaskUpdate
from app.tasks.queries import TaskQueries

RESTORABLE_FOR = timedelta(days=1)


class UserTasks(TaskQueries):
    """One user's tasks in one transaction: every statement contains the user's id."""

    def __init__(self, session: Session, user_id: str, most: int) -> None:
        super().__init__(session, user_id)
        self._session = session
        self._user_id = user_id
        self._most = most
        self._own = select(Task).where(Task.user_id == user_id)
        self._live = self._own.where(Task.deleted_at.is_(None))
        # what this transaction has done so far
        self.created = self.completed = 0

    def _check_room(self) -> None:
        """Raises LimitReachedError if the user already has the maximum number of tasks.

        Simultaneous requests can exceed the limit by a few tasks. That does no harm: the limit only
        keeps the database from growing without bounds.
        """
        kept = select(Task.id).where(Task.user_id == self._user_id, Task.deleted_at.is_(None))
        if self._session.scalar(kept.offset(self._most - 1).limit(1)) is not None:
            raise LimitReachedError(
                f"You have {self._most:,} tasks, the most that you can keep; delete some first"
            )

    def add(self, fields: TaskCreate) -> Task:
        self._check_room()
        task = Task(user_id=self._user_id, **fields.model_dump())
        self._session.add(task)
        self._session.flush()
        self.created += 1
        self.completed += task.completed
        return task

    def update(self, task_id: uuid.UUID, fields: TaskUpdate) -> Task | None:
        task = self._session.scalar(self._live.where(Task.id == task_id).with_for_update())
        if task is not None:
            was_completed = task.completed
            for field, value in fields.model_dump(exclude_unset=True).items():
                setattr(task, field, value)
            self._session.flush()
            self.completed += task.completed and not was_completed
        return task

    def delete(self, task_id: uuid.UUID) -> Task | None:
        """Marks a task as deleted, so that it can be restored for a while.

        Tasks that were deleted too long ago, or too many, are removed for good.
        """
        task = self._session.scalar(self._live.where(Task.id == task_id).with_for_update())
        if task is not None:
            task.deleted_at = func.now()
            self._purge()
        return task

    def _purge(self) -> None:
        deleted = (Task.user_id == self._user_id) & Task.deleted_at.is_not(None)
        newest_first = select(Task.id).where(deleted).order_by(Task.deleted_at.desc())
        too_many = Task.id.in_(newest_first.offset(self._most))
        expired = Task.deleted_at < func.now() - RESTORABLE_FOR
        self._session.execute(delete(Task).where(deleted, expired | too_many))

    def restore(self, task_id: uuid.UUID) -> Task | None:
        task = self._session.scalar(self._own.where(Task.id == task_id).with_for_update())
        if task is not None and task.deleted_at is not None:
            self._check_room()
            task.deleted_at = None
            self._session.flush()
        return task

    def matching(
        self, words: Sequence[str], phrase: str, status: Status, limit: int
    ) -> Sequence[Task]:
        """Tasks with all the words in their title; those whose title is the phrase come first."""
        titled_so = func.lower(Task.title) == phrase.lower()
        query = self._live.where(*[Task.title.icontains(word, autoescape=True) for word in words])
        if status != "all":
            query = query.where(Task.completed.is_(status == "done"))
        query = query.order_by(titled_so.desc(), Task.created_at.desc()).limit(limit)
        return self._session.scalars(query).all()


@dataclass(frozen=True)
class TasksOfUser:
    """Opens the user's tasks; a connection is in use only inside the `with` block."""

    engine: Engine
    user_id: str
    # how many tasks the user may keep; as many deleted ones are kept besides
    most: int
    use: UseMetrics

    @contextmanager
    def reading(self) -> Iterator[TaskQueries]:
        # without a transaction, which would need two more round trips
        with self.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            yield TaskQueries(connection, self.user_id)

    @contextmanager
    def changing(self) -> Iterator[UserTasks]:
        """One transaction, committed at the end of the block. Only what is committed is counted."""
        with Session(self.engine) as session, session.begin():
            tasks = UserTasks(session, self.user_id, self.most)
            yield tasks
        self.use.tasks_created.inc(tasks.created)
        self.use.tasks_completed.inc(tasks.completed)
