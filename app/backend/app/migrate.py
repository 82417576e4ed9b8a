"""`python -m app.migrate`: migrates the schema to the version of this image, or exits with 1."""

import logging
import sys
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, func, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app import app_role, logs
from app.database import build_migration_engine
from app.errors import first_line
from app.settings import MigrationSettings, SettingsError, load

logger = logging.getLogger("app.migrate")

WAIT_SECONDS = 60
LOCK_TIMEOUT = "60s"
# any number, but the same in every version of this program
ADVISORY_LOCK = 7_404_600


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def wait_for_database(engine: Engine, seconds: float = WAIT_SECONDS) -> None:
    """Returns once the database accepts a connection; raises the last error after `seconds`."""
    start = time.monotonic()
    while True:
        try:
            with engine.connect():
                return
        except OperationalError as error:
            waited = time.monotonic() - start
            if waited >= seconds:
                raise
            reason = first_line(error)
            logger.info("waiting for the database (%.0f of %.0f s): %s", waited, seconds, reason)
            time.sleep(min(1, seconds - waited))


def wait_for_app_role(engine: Engine, url: URL) -> None:
    """Waits until the services' role can log in, if a database operator creates it."""
    with engine.connect() as connection:
        if app_role.may_make_roles(connection):
            return
    app_engine = build_migration_engine(url)
    try:
        wait_for_database(app_engine)
    finally:
        app_engine.dispose()


def upgrade(engine: Engine, app_url: URL | None = None) -> None:
    """Migrates in one transaction, all or nothing; its lock makes other runs wait.

    With `app_url`, it also sets the password and the rights of the role that the URL names.
    """
    with engine.begin() as connection:
        # behind a pooler, the API may have set its limit on this connection before
        connection.execute(select(func.set_config("statement_timeout", "0", True)))
        # limits the wait for another run, and for tables that a long query has locked
        connection.execute(select(func.set_config("lock_timeout", LOCK_TIMEOUT, True)))
        connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        upgrade_schema(connection)
        has_new_password = app_url is not None and app_role.set_up(connection, app_url)
    if app_url is not None and has_new_password:
        # not before the commit: until then, clients can log in again with the old password
        app_role.end_sessions(engine, app_url)


def upgrade_schema(connection: Connection) -> None:
    config = alembic_config(connection)
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in {s.revision for s in scripts.walk_revisions()}:
        # This is a rollback to an older image. Each migration keeps the schema usable for the
        # release before it, so the newer schema stays.
        logger.warning("the schema is at %s, newer than this image; it stays as it is", current)
        return
    command.upgrade(config, "head")
    logger.info("the schema is at %s", scripts.get_current_head())


def main() -> None:
    try:
        settings = load(MigrationSettings)
    except SettingsError as error:
        sys.exit(f"These environment variables are missing or wrong:\n{error}")
    logs.configure(settings.log_level)
    engine = build_migration_engine(settings.sqlalchemy_url)
    try:
        wait_for_database(engine)
        if settings.app_url is not None:
            wait_for_app_role(engine, settings.app_url)
        upgrade(engine, settings.app_url)
    except SQLAlchemyError as error:
        logger.error("the migration failed, nothing was changed: %s", first_line(error))
        sys.exit(1)
    finally:
        engine.dispose()


if __name__ == "__main__":
    main()
