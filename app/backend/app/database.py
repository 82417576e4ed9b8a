"""The connection pool and the mapped tables."""

import uuid
from datetime import datetime

from sqlalchemy import URL, DateTime, Engine, Index, String, Text, create_engine, false, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# 5 + 3 connections a pod: eleven pods (ten at the autoscaler's maximum, one more in a rollout)
# stay below PostgreSQL's default of 100.
POOL_SIZE = 5
POOL_OVERFLOW = 3


def build_engine(url: URL) -> Engine:
    return create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=5,
        # a restarted database or a dropped idle connection costs a reconnect, not a failed request
        pool_pre_ping=True,
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


class Base(DeclarativeBase):
    pass


class Task(Base):
    __tablename__ = "tasks"
    __table_args__ = (Index("ix_tasks_user_id_created_at", "user_id", "created_at"),)
    # timestamps come back with the INSERT or UPDATE itself
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 (SQLAlchemy's own declaration)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(200))
    notes: Mapped[str] = mapped_column(Text, server_default="")
    completed: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now()
    )
