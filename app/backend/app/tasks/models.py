"""The request and response bodies of /api/tasks."""

import re
import uuid
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

EARLIEST_DAY, LATEST_DAY = date(1900, 1, 1), date(2999, 12, 31)
MAX_TAGS = 10
TAG_PATTERN = r"^[\w-]{1,30}$"


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line without control characters")
    return text


def _storable(text: str) -> str:
    if "\0" in text:  # the only character that PostgreSQL's text type can't store
        raise ValueError("must not contain the NUL character")
    return text


def _tag(text: str) -> str:
    tag = text.lower()
    if not re.fullmatch(TAG_PATTERN, tag):
        raise ValueError("must be 1 to 30 letters, digits, hyphens or underscores")
    return tag


def _without_repetition(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


def _day(value: object) -> date:
    """Accepts only YYYY-MM-DD: pydantic itself also accepts Unix times and datetimes."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        value = _existing_day(value)
    if type(value) is not date or not EARLIEST_DAY <= value <= LATEST_DAY:
        raise ValueError(f"must be a date from {EARLIEST_DAY} to {LATEST_DAY}")
    return value


def _existing_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_one_line),
]
Storable = AfterValidator(_storable)
Notes = Annotated[str, Field(max_length=10_000), Storable]
Day = Annotated[date, BeforeValidator(_day)]
Status = Literal["all", "open", "done"]
Priority = Literal["low", "normal", "high"]
Tag = Annotated[str, AfterValidator(_tag), Field(json_schema_extra={"pattern": TAG_PATTERN})]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_without_repetition)]


class TaskCreate(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    title: Title
    notes: Notes = ""
    completed: bool = False
    due_date: Day | None = None
    priority: Priority = "normal"
    tags: Tags = []


class TaskUpdate(TaskCreate):
    """Only the given fields change; completing a task is `{"completed": true}`."""

    # a default only marks a field as not given (`exclude_unset`); only due_date may be null
    title: Title = ""


class TaskRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    title: str
    notes: str
    completed: bool
    due_date: date | None
    priority: Priority
    tags: list[str]
    created_at: datetime
    updated_at: datetime


class TaskFilters(BaseModel):
    """Selects tasks that meet all conditions; the days refer to `due_date`."""

    status: Status = "all"
    q: Annotated[str, Field(max_length=200, description="text in title or notes"), Storable] = ""
    tag: Tag | None = None
    priority: Priority | None = None
    due_from: Annotated[Day | None, Field(description="the first day")] = None
    due_before: Annotated[Day | None, Field(description="the day after the last one")] = None


class PageQuery(TaskFilters):
    limit: Annotated[int, Field(ge=1, le=100)] = 50
    cursor: Annotated[str | None, Field(description="`next_cursor` of the previous page")] = None


class TaskPage(BaseModel):
    items: list[TaskRead]
    next_cursor: str | None


class TagCount(BaseModel):
    name: str
    count: int


class TaskSummary(BaseModel):
    open: int
    done: int
    tags: list[TagCount]
