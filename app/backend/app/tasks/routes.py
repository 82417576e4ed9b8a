"""/api/tasks: each change is one transaction, committed before the response is sent."""

import uuid
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi.exceptions import RequestValidationError

from app.database import Task
from app.dependencies import UNAUTHORIZED, OwnTasks
from app.errors import INVALID_BODY, Problem
from app.tasks.cursor import Position
from app.tasks.models import PageQuery, TaskCreate, TaskPage, TaskRead, TaskSummary, TaskUpdate

router = APIRouter(
    prefix="/api/tasks",
    tags=["tasks"],
    responses={**UNAUTHORIZED, 422: {"model": Problem}, 503: {"model": Problem}},
)
NOT_FOUND = {404: {"model": Problem}}
TOO_MANY = {
    409: {"model": Problem, "description": "The user already has the maximum number of tasks"}
}


def _found(task: Task | None) -> TaskRead:
    if task is None:
        raise HTTPException(404, "Task not found")
    return TaskRead.model_validate(task)


def _position(cursor: str | None) -> Position | None:
    try:
        return Position.from_cursor(cursor) if cursor is not None else None
    except ValueError as error:
        problem = {"loc": ("query", "cursor"), "msg": str(error)}
        raise RequestValidationError([problem]) from None


@router.get("", response_model=TaskPage)
def list_tasks(tasks: OwnTasks, query: Annotated[PageQuery, Query()]) -> Response:
    """The user's tasks, newest first."""
    after = _position(query.cursor)
    with tasks.reading() as own:
        found = own.page(query, query.limit + 1, after)
    items = found[: query.limit]
    has_more = len(found) > query.limit
    last = Position(items[-1].created_at, items[-1].id) if has_more else None
    page = TaskPage(items=items, next_cursor=last and last.to_cursor())
    # A finished response: FastAPI would validate a model again, in another thread.
    return Response(page.model_dump_json(), media_type="application/json")


@router.get("/summary")
def summarize_tasks(tasks: OwnTasks) -> TaskSummary:
    """Counts the user's tasks and names the most used tags."""
    with tasks.reading() as own:
        return own.summary()


@router.post("", status_code=201, responses=INVALID_BODY | TOO_MANY)
def create_task(body: TaskCreate, response: Response, tasks: OwnTasks) -> TaskRead:
    with tasks.changing() as own:
        created = TaskRead.model_validate(own.add(body))
    response.headers["Location"] = f"{router.prefix}/{created.id}"
    return created


@router.get("/{task_id}", responses=NOT_FOUND)
def read_task(task_id: uuid.UUID, tasks: OwnTasks) -> TaskRead:
    with tasks.reading() as own:
        return _found(own.get(task_id))


@router.patch("/{task_id}", responses=NOT_FOUND | INVALID_BODY)
def update_task(task_id: uuid.UUID, body: TaskUpdate, tasks: OwnTasks) -> TaskRead:
    with tasks.changing() as own:
        return _found(own.update(task_id, body))


@router.delete("/{task_id}", status_code=204, responses=NOT_FOUND)
def delete_task(task_id: uuid.UUID, tasks: OwnTasks) -> None:
    """Deletes a task, which can be restored for a day."""
    with tasks.changing() as own:
        _found(own.delete(task_id))


@router.post("/{task_id}/restore", responses=NOT_FOUND | TOO_MANY)
def restore_task(task_id: uuid.UUID, tasks: OwnTasks) -> TaskRead:
    """Undoes the deletion; a task that is not deleted stays as it is."""
    with tasks.changing() as own:
        return _found(own.restore(task_id))
