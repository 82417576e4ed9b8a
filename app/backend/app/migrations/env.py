"""Alembic's entry point: inside the caller's transaction, or on its own for the developer's CLI."""

from alembic import context
from sqlalchemy import Connection

from app.database import Base, build_migration_engine
from app.settings import DatabaseSettings, load


def is_mapped_here(name: str | None, kind: str, _parents: object) -> bool:
    """Tables of accounts are migrated here, too, but it is the frontend that maps them."""
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
