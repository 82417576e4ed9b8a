import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import OperationalError

from app import migrate
from app.settings import Settings
from tests.postgres import PASSWORD, PostgresCluster
from tests.processes import start_migration


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = create_engine(settings.sqlalchemy_url)
    yield engine
    engine.dispose()


def test_the_migrations_make_what_the_models_say(engine: Engine) -> None:
    migrate.upgrade(engine)
    with engine.begin() as connection:
        command.check(migrate.alembic_config(connection))


def test_a_second_run_changes_nothing(engine: Engine) -> None:
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO tasks (id, user_id, title) VALUES (gen_random_uuid(), 'u', 't')")
        )
    migrate.upgrade(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM tasks")) == 1


def test_tasks_of_the_release_before_get_defaults_and_it_runs_on(engine: Engine) -> None:
    with engine.begin() as connection:
        command.upgrade(migrate.alembic_config(connection), "0001")
    statement = "INSERT INTO tasks (id, user_id, title) VALUES (gen_random_uuid(), 'u', :title)"
    with engine.begin() as connection:
        connection.execute(text(statement), {"title": "before"})
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text(statement), {"title": "meanwhile"})
        columns = "title, completed, due_date, priority, tags, deleted_at"
        rows = connection.execute(text(f"SELECT {columns} FROM tasks ORDER BY title"))  # noqa: S608
        assert rows.all() == [
            ("before", False, None, "normal", [], None),
            ("meanwhile", False, None, "normal", [], None),
        ]


def test_every_migration_can_be_taken_back(engine: Engine) -> None:
    migrate.upgrade(engine)
    with engine.begin() as connection:
        command.downgrade(migrate.alembic_config(connection), "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]


def test_an_older_image_leaves_a_newer_schema_alone(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of the future'"))
    migrate.upgrade(engine)
    assert "newer than this image" in caplog.text
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "of the future"


def test_two_runs_at_once_both_succeed(settings: Settings, postgres: PostgresCluster) -> None:
    runs = [start_migration(postgres.url) for _ in range(2)]
    outputs = [run.communicate(timeout=30)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert sum("Running upgrade  -> 0001" in output for output in outputs) == 1
    assert PASSWORD not in "".join(outputs)


def test_a_failed_run_says_why_and_leaves_no_trace(
    engine: Engine, postgres: PostgresCluster
) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE tasks (id int)"))
    run = start_migration(postgres.url)
    output, _ = run.communicate(timeout=30)
    assert run.returncode == 1
    assert (
        'the migration failed, nothing was changed: relation \\"tasks\\" already exists' in output
    )
    assert PASSWORD not in output
    assert inspect(engine).get_table_names() == ["tasks"]


def test_the_url_may_be_in_a_file(
    engine: Engine, postgres: PostgresCluster, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text(f"{postgres.url}\n")
    run = start_migration("", DATABASE_URL_FILE=str(tmp_path / "url"))
    output, _ = run.communicate(timeout=30)
    assert run.returncode == 0, output
    assert "tasks" in inspect(engine).get_table_names()


def test_a_missing_setting_ends_the_run(settings: Settings) -> None:
    run = start_migration("")
    output, _ = run.communicate(timeout=30)
    assert run.returncode == 1
    assert "DATABASE_URL: is not set" in output


def test_the_database_is_waited_for_with_progress(
    engine: Engine, postgres: PostgresCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    engine.dispose()
    postgres.stop()
    try:
        with pytest.raises(OperationalError):
            migrate.wait_for_database(engine, seconds=0.2)
    finally:
        postgres.start()
    assert "waiting for the database (0 of 0 s): connection is bad" in caplog.text
    migrate.wait_for_database(engine)
