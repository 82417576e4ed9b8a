"""Alembic's entry point.

The migration calls it with a connection; the `alembic` command line makes its own.
"""

from alembic import context
from sqlalchemy import Connection

from app.database import Base, build_migration_engine
from app.settings import DatabaseSettings, load


def is_mapped_here(name: str | None, kind: str, _parents: object) -> bool:
    """Only mapped tables are compared: the tables of accounts are migrated here but not mapped."""
    return kind != "table" or name in Base.metadata.tables


def run(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=Base.metadata, include_name=is_mapped_here
    )
    with context.begin_transaction():
        context.run_migrations()


connection = context.config.attributes.get("connection")
if connection is not None:
    run(connection)
else:
    with build_migration_engine(load(DatabaseSettings).sqlalchemy_url).connect() as connection:
        run(connection)
