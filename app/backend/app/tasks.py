"""/api/tasks: each route is one transaction, committed before the response leaves."""

import uuid
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import Task
from app.dependencies import CurrentUser, Sessions, User
from app.errors import Problem


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line without control characters")
    return text


def _storable(text: str) -> str:
    if "\0" in text:  # PostgreSQL's text holds any character but this one
        raise ValueError("must not contain the NUL character")
    return text


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_one_line),
]
Notes = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_storable)]


class TaskCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Title
    notes: Notes = ""
    completed: bool = False


class TaskUpdate(BaseModel):
    """Only the given fields change; completing a task is `{"completed": true}`."""

    model_config = ConfigDict(extra="forbid")

    # defaults stand for "not given" (`exclude_unset`), so null stays an error
    title: Title = ""
    notes: Notes = ""
    completed: bool = False


class TaskRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    title: str
    notes: str
    completed: bool
    created_at: datetime
    updated_at: datetime


router = APIRouter(
    prefix="/api/tasks",
    tags=["tasks"],
    responses={422: {"model": Problem}, 503: {"model": Problem}},
)
NOT_FOUND = {404: {"model": Problem}}


def _own_task(session: Session, user: User, task_id: uuid.UUID, *, lock: bool = False) -> Task:
    query = select(Task).where(Task.id == task_id, Task.user_id == user.id)
    task = session.scalar(query.with_for_update() if lock else query)
    if task is None:
        raise HTTPException(404, "Task not found")
    return task


@router.get("")
def list_tasks(sessions: Sessions, user: CurrentUser) -> list[TaskRead]:
    """The user's tasks, newest first."""
    query = select(Task).where(Task.user_id == user.id).order_by(Task.created_at.desc(), Task.id)
    with sessions.begin() as session:
        return [TaskRead.model_validate(task) for task in session.scalars(query)]


@router.post("", status_code=201)
def create_task(
    body: TaskCreate, response: Response, sessions: Sessions, user: CurrentUser
) -> TaskRead:
    with sessions.begin() as session:
        task = Task(user_id=user.id, **body.model_dump())
        session.add(task)
        session.flush()
        created = TaskRead.model_validate(task)
    response.headers["Location"] = f"{router.prefix}/{created.id}"
    return created


@router.get("/{task_id}", responses=NOT_FOUND)
def read_task(task_id: uuid.UUID, sessions: Sessions, user: CurrentUser) -> TaskRead:
    with sessions.begin() as session:
        return TaskRead.model_validate(_own_task(session, user, task_id))


@router.patch("/{task_id}", responses=NOT_FOUND)
def update_task(
    task_id: uuid.UUID, body: TaskUpdate, sessions: Sessions, user: CurrentUser
) -> TaskRead:
    with sessions.begin() as session:
        task = _own_task(session, user, task_id, lock=True)
        for field, value in body.model_dump(exclude_unset=True).items():
            setattr(task, field, value)
        session.flush()
        return TaskRead.model_validate(task)


@router.delete("/{task_id}", status_code=204, responses=NOT_FOUND)
def delete_task(task_id: uuid.UUID, sessions: Sessions, user: CurrentUser) -> None:
    with sessions.begin() as session:
        session.delete(_own_task(session, user, task_id, lock=True))
