"""The connection pool and the mapped tables."""

import time
import uuid
from datetime import date, datetime

from sqlalchemy import (
    URL,
    BigInteger,
    CheckConstraint,
    DateTime,
    Engine,
    Index,
    String,
    Text,
    create_engine,
    event,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import ConnectionPoolEntry

# 4 + 1 connections a pod for requests, and 1 for its probes. Eleven pods (ten at the autoscaler's
# maximum, one more in a rollout) and as many of the frontend's with 2 each make 88: below
# PostgreSQL's default of 100, of which 3 are kept for its administrator.
POOL_SIZE = 4
POOL_OVERFLOW = 1
PING_AFTER_SECONDS = 0.1
# by then the page has given up waiting for a list
STATEMENT_SECONDS = 5
# less than a probe waits, so that one that hangs does not hold up the next
PROBE_STATEMENT_SECONDS = 1


def build_engine(url: URL) -> Engine:
    """For requests: none of their statements holds a connection for long."""
    engine = _build_engine(url, size=POOL_SIZE, overflow=POOL_OVERFLOW, wait_seconds=5)
    _limit_statements(engine, STATEMENT_SECONDS)
    return engine


def build_probe_engine(url: URL) -> Engine:
    """One connection of its own, so that requests that use up theirs look like no lost database."""
    engine = _build_engine(url, size=1, overflow=0, wait_seconds=1)
    _limit_statements(engine, PROBE_STATEMENT_SECONDS)
    return engine


def build_migration_engine(url: URL) -> Engine:
    """Without a limit for its statements: a large table takes its time."""
    return _build_engine(url, size=1, overflow=0, wait_seconds=5)


def _build_engine(url: URL, *, size: int, overflow: int, wait_seconds: float) -> Engine:
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=overflow,
        pool_timeout=wait_seconds,
        pool_recycle=1800,
        connect_args={
            "application_name": "todo-backend",
            "connect_timeout": 3,
            # a database host that vanished is noticed after 5 s, not after the kernel's 15 minutes
            "tcp_user_timeout": 5000,
            # server-side prepared statements break behind poolers in transaction mode
            "prepare_threshold": None,
        },
    )
    _ping_idle_connections(engine)
    return engine


def _limit_statements(engine: Engine, seconds: float) -> None:
    """By a statement: as a parameter of the connection it would be refused by PgBouncer."""

    @event.listens_for(engine, "connect")
    def limit(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        # without a transaction, whose end could take the setting back
        connection.autocommit = True
        connection.execute(f"SET statement_timeout = '{seconds}s'")
        connection.autocommit = False


def _ping_idle_connections(engine: Engine) -> None:
    """A restarted database or a dropped connection costs a reconnect, not a failed request.

    Unlike with SQLAlchemy's own ping, a connection that was in use just now is not asked: under
    load that would be every second round trip.
    """

    @event.listens_for(engine, "checkin")
    def note_time(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        idle_since = record.info.pop("idle_since", None)
        if idle_since is None or time.monotonic() - idle_since < PING_AFTER_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.dbapi.Error as error:
            raise InvalidatePoolError("the connection was lost while idle") from error


class Base(DeclarativeBase):
    pass


class Task(Base):
    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint("priority IN ('low', 'normal', 'high')", name="ck_tasks_priority"),
        # the list's order; its pages begin in the middle of it
        Index("ix_tasks_user_id_created_at_id", "user_id", "created_at", "id"),
        Index(
            "ix_tasks_deleted",
            "user_id",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
    )
    # timestamps come back with the INSERT or UPDATE itself
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 (SQLAlchemy's own declaration)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(200))
    notes: Mapped[str] = mapped_column(Text, server_default="")
    completed: Mapped[bool] = mapped_column(server_default=false())
    due_date: Mapped[date | None]
    priority: Mapped[str] = mapped_column(String(6), server_default="normal")
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )
    # a deleted task can be restored until it is purged
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ChatUsage(Base):
    """What the assistant has cost a user on the last day it was asked."""

    __tablename__ = "chat_usage"

    user_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[date]
    tokens: Mapped[int] = mapped_column(BigInteger)
