"""The connection pools and the mapped tables."""

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

# A backend pod has 4 + 1 connections for requests and 1 for probes, a frontend pod has 2. Eleven
# pods of each (the autoscaler's maximum of ten, and one more during a rollout) have 88 together.
# PostgreSQL allows 100 by default, 3 of them for superusers only.
POOL_SIZE = 4
POOL_OVERFLOW = 1
PING_AFTER_SECONDS = 0.1
# The page stops waiting for the list after the same time.
STATEMENT_SECONDS = 5
# Less than the probe's timeout, so that a hanging probe does not delay the next one.
PROBE_STATEMENT_SECONDS = 1


def build_engine(url: URL) -> Engine:
    """For requests: no statement may keep a connection for long."""
    engine = _build_engine(url, size=POOL_SIZE, overflow=POOL_OVERFLOW, wait_seconds=5)
    _limit_statements(engine, STATEMENT_SECONDS)
    return engine


def build_probe_engine(url: URL) -> Engine:
    """For probes: their own connection, as busy requests must not look like a lost database."""
    engine = _build_engine(url, size=1, overflow=0, wait_seconds=1)
    _limit_statements(engine, PROBE_STATEMENT_SECONDS)
    return engine


def build_migration_engine(url: URL) -> Engine:
    """For migrations: without a time limit, because changing a large table can take long."""
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
            # a lost database host is noticed after 5 s instead of the kernel's 15 minutes
            "tcp_user_timeout": 5000,
            # server-side prepared statements fail behind poolers in transaction mode
            "prepare_threshold": None,
        },
    )
    _ping_idle_connections(engine)
    return engine


def _limit_statements(engine: Engine, seconds: float) -> None:
    """Sets the limit with a statement: PgBouncer rejects it as a connection parameter."""

    @event.listens_for(engine, "connect")
    def limit(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        # not in a transaction: a rollback would undo the setting
        connection.autocommit = True
        connection.execute(f"SET statement_timeout = '{seconds}s'")
        connection.autocommit = False


def _ping_idle_connections(engine: Engine) -> None:
    """Replaces connections that were lost while idle, so that no request fails because of them.

    SQLAlchemy's own ping checks a connection before each use, which doubles the round trips under
    load. Here, a connection that was in use a moment ago is not checked.
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
        # the order of the list; a page starts at a position in it
        Index("ix_tasks_user_id_created_at_id", "user_id", "created_at", "id"),
        Index(
            "ix_tasks_deleted",
            "user_id",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL"),
        ),
    )
    # the INSERT or UPDATE itself returns the timestamps
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 (SQLAlchemy declares it so)

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
    """How many tokens the assistant has cost a user on the day of its last answer."""

    __tablename__ = "chat_usage"

    user_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[date]
    tokens: Mapped[int] = mapped_column(BigInteger)
