"""The two roles that take turns as the services' role, and what they may do."""

import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from app import app_role, migrate
from app.main import create_app
from app.settings import MigrationSettings, Settings, SettingsError, load
from tests.postgres import PostgresCluster
from tests.processes import start_migration
from tests.tokens import SECRET, bearer

OWNER = "todo"
OWNER_PASSWORD = "canary-owner"
INSERT = "INSERT INTO tasks (id, user_id, title) VALUES (gen_random_uuid(), 'u', 't')"


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    with PostgresCluster.throw_away() as cluster:
        cluster.ask_for_passwords()
        yield cluster


@contextmanager
def connected(url: URL) -> Iterator[Connection]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


@pytest.fixture
def owner(cluster: PostgresCluster) -> URL:
    """The URL of an empty database whose owner is a superuser, as in the PostgreSQL image."""
    cluster.execute("DROP DATABASE IF EXISTS todo WITH (FORCE)", "postgres")
    for role in ("todo_app_a", "todo_app_b", OWNER):
        cluster.execute(f"DROP ROLE IF EXISTS {role}", "postgres")
    attributes = f"LOGIN SUPERUSER PASSWORD '{OWNER_PASSWORD}'"
    cluster.execute(f"CREATE ROLE {OWNER} {attributes}", "postgres")
    cluster.execute(f"CREATE DATABASE todo OWNER {OWNER}", "postgres")
    url = make_url(f"postgresql+psycopg://{OWNER}:{OWNER_PASSWORD}@/todo")
    return url.update_query_dict({"host": str(cluster.directory)})


def login(owner: URL, version: int) -> URL:
    """The services' URL for one version of the password, with the same role as in the stack."""
    role = "todo_app_a" if version % 2 else "todo_app_b"
    return owner.set(username=role, password=f"canary-{version}")


def deploy(owner: URL, version: int | None) -> None:
    """Migrates; without a version as old releases did, whose services log in as the owner."""
    engine = create_engine(owner, poolclass=NullPool)
    migrate.upgrade(engine, None if version is None else login(owner, version))


def is_accepted(url: URL) -> bool:
    try:
        with connected(url):
            return True
    except OperationalError:
        return False


def test_a_rotation_keeps_the_previous_password_and_revokes_the_one_before_it(owner: URL) -> None:
    deploy(owner, 1)
    assert is_accepted(login(owner, 1))
    deploy(owner, 2)
    assert [is_accepted(login(owner, version)) for version in (1, 2)] == [True, True]
    deploy(owner, 3)
    assert [is_accepted(login(owner, version)) for version in (1, 2, 3)] == [False, True, True]


def test_a_rotation_that_is_rolled_back_keeps_both_passwords(owner: URL) -> None:
    deploy(owner, 1)
    deploy(owner, 2)
    deploy(owner, 1)
    assert [is_accepted(login(owner, version)) for version in (1, 2)] == [True, True]


def test_an_open_session_survives_the_next_rotation_but_not_the_one_after_it(
    owner: URL,
) -> None:
    deploy(owner, 1)
    engine = create_engine(login(owner, 1))
    with engine.connect() as connection:
        deploy(owner, 1)
        deploy(owner, 2)
        connection.execute(text(INSERT))
        connection.commit()
        deploy(owner, 3)
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT 1"))
    engine.dispose()


FORBIDDEN = (
    "CREATE TABLE mine (id int)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER TABLE tasks ADD COLUMN mine int",
    "DROP TABLE tasks",
    "TRUNCATE tasks",
    "UPDATE alembic_version SET version_num = '0001'",
    "CREATE ROLE mine",
    "ALTER ROLE todo PASSWORD 'mine'",
    "SELECT rolpassword FROM pg_authid",
    "COPY tasks TO PROGRAM 'true'",
)


@pytest.mark.parametrize("version", [1, 2])
def test_the_services_may_change_neither_schema_nor_roles(owner: URL, version: int) -> None:
    deploy(owner, version)
    with connected(login(owner, version)) as connection:
        for statement in FORBIDDEN:
            with pytest.raises(ProgrammingError) as raised, connection.begin_nested():
                connection.execute(text(statement))
            assert isinstance(raised.value.orig, InsufficientPrivilege), statement


def test_the_services_may_use_a_table_that_the_owner_adds_later(owner: URL) -> None:
    deploy(owner, 1)
    deploy(owner, 2)
    with connected(owner) as connection:
        connection.execute(text("CREATE TABLE later (id serial, note text)"))
    for version in (1, 2):
        with connected(login(owner, version)) as connection:
            connection.execute(text("INSERT INTO later (note) VALUES ('n')"))
            connection.execute(text("UPDATE later SET note = 'm'"))
            connection.execute(text("DELETE FROM later"))


def test_the_api_works_with_the_role(owner: URL) -> None:
    deploy(owner, 1)
    url = login(owner, 1).set(drivername="postgresql").render_as_string(hide_password=False)
    app = create_app(Settings(database_url=url, better_auth_secret=SECRET))
    with TestClient(app, headers=bearer("alice")) as client:
        task = client.post("/api/tasks", json={"title": "Buy milk"}).json()
        assert client.patch(f"/api/tasks/{task['id']}", json={"completed": True}).is_success
        assert [t["title"] for t in client.get("/api/tasks").json()["items"]] == ["Buy milk"]
        assert client.delete(f"/api/tasks/{task['id']}").is_success
        assert client.get("/health/ready").is_success


def test_a_database_of_an_old_release_keeps_its_rows_and_its_pods_keep_working(owner: URL) -> None:
    deploy(owner, None)
    old_pod = create_engine(owner)
    with old_pod.begin() as connection:
        connection.execute(text(INSERT))
        deploy(owner, 1)
        connection.execute(text(INSERT))
    old_pod.dispose()
    assert is_accepted(owner), "pods of the old release log in as the owner"
    with connected(login(owner, 1)) as connection:
        assert connection.scalar(text("SELECT count(*) FROM tasks")) == 2


def test_a_database_of_an_old_release_and_a_new_one_become_equal(
    owner: URL, cluster: PostgresCluster
) -> None:
    def dump() -> str:
        command = [cluster.programs / "pg_dump", "-h", cluster.directory, "-U", "postgres", "todo"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return "\n".join(line for line in lines.splitlines() if not line.startswith("\\"))

    deploy(owner, None)
    deploy(owner, 1)
    taken_over = dump()
    cluster.execute("DROP DATABASE todo WITH (FORCE)", "postgres")
    cluster.execute(f"CREATE DATABASE todo OWNER {OWNER}", "postgres")
    deploy(owner, 1)
    assert dump() == taken_over


def test_the_services_may_use_a_restored_dump(owner: URL, cluster: PostgresCluster) -> None:
    deploy(owner, 1)
    with connected(login(owner, 1)) as connection:
        connection.execute(text(INSERT))
    bare = ("--no-owner", "--no-privileges")
    where = ("-h", str(cluster.directory), "-U", "postgres")
    dump = str(cluster.directory / "dump")
    cluster.run("pg_dump", *where, "--format=custom", *bare, "-f", dump, "todo")
    restore = ("--clean", "--if-exists", "--exit-on-error", "--role", OWNER, *bare)
    cluster.run("pg_restore", *where, "-d", "todo", *restore, dump)
    with connected(login(owner, 1)) as connection:
        connection.execute(text(INSERT))
        assert connection.scalar(text("SELECT count(*) FROM tasks")) == 2


def test_a_role_with_too_many_rights_loses_them(owner: URL, cluster: PostgresCluster) -> None:
    cluster.execute("CREATE ROLE todo_app_a SUPERUSER CREATEROLE CREATEDB NOLOGIN", "postgres")
    deploy(owner, 1)
    with connected(login(owner, 1)) as connection:
        query = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles"
        powerful = connection.scalar(text(f"{query} WHERE rolname = current_user"))
    assert powerful is False


def test_the_password_appears_in_no_statement_and_in_no_log(
    owner: URL, cluster: PostgresCluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cluster.execute("ALTER ROLE todo SET log_statement = 'all'", "postgres")
    deploy(owner, 1)
    server_log = (cluster.directory / "log").read_text()
    assert 'ALTER ROLE "todo_app_a" PASSWORD \'SCRAM-SHA-256$4096:' in server_log
    assert "canary-1" not in server_log + caplog.text


def test_the_verifier_is_the_one_that_postgresql_makes(cluster: PostgresCluster) -> None:
    cluster.execute("DROP ROLE IF EXISTS sample", "postgres")
    cluster.execute("CREATE ROLE sample PASSWORD 'canary'", "postgres")
    query = "SELECT rolpassword FROM pg_authid WHERE rolname = 'sample'"
    verifier = str(cluster.execute(query, "postgres"))
    assert app_role._is_of(verifier, "canary")
    assert not app_role._is_of(verifier, "another")
    assert not app_role._is_of("md5" + "0" * 32, "canary")


def test_the_migration_reads_both_urls_from_files(owner: URL, tmp_path: Path) -> None:
    for name, url in (("owner", owner), ("app", login(owner, 1))):
        shown = url.set(drivername="postgresql").render_as_string(hide_password=False)
        (tmp_path / name).write_text(shown)
    files = {
        "DATABASE_URL_FILE": str(tmp_path / "owner"),
        "APP_DATABASE_URL_FILE": str(tmp_path / "app"),
    }
    run = start_migration("", **files)
    output, _ = run.communicate(timeout=30)
    assert run.returncode == 0, output
    assert "canary" not in output
    assert is_accepted(login(owner, 1))


class TestUnderAnOperator:
    """With CloudNativePG the owner is not a superuser: the operator creates the services' role."""

    @pytest.fixture
    def owner(self, owner: URL, cluster: PostgresCluster) -> URL:
        cluster.execute(f"ALTER ROLE {OWNER} NOSUPERUSER", "postgres")
        return owner

    def make_role(self, owner: URL, cluster: PostgresCluster) -> None:
        url = login(owner, 1)
        statement = f"CREATE ROLE {url.username} LOGIN PASSWORD '{url.password}'"
        cluster.execute(statement, "postgres")

    def test_the_role_gets_its_rights(self, owner: URL, cluster: PostgresCluster) -> None:
        self.make_role(owner, cluster)
        deploy(owner, 1)
        with connected(login(owner, 1)) as connection:
            connection.execute(text(INSERT))
        with (
            connected(login(owner, 1)) as connection,
            pytest.raises(ProgrammingError, match="permission denied"),
        ):
            connection.execute(text("CREATE TABLE mine (id int)"))

    def test_the_role_is_waited_for(
        self, owner: URL, cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            self.make_role(owner, cluster)

        monkeypatch.setattr(migrate.time, "sleep", sleep)
        engine: Engine = create_engine(owner, poolclass=NullPool)
        migrate.wait_for_app_role(engine, login(owner, 1))
        assert len(waits) == 1


@pytest.mark.parametrize("url", ["postgresql://host/todo", "postgresql://todo@host/todo"])
def test_an_app_url_without_role_or_password_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setitem(os.environ, "DATABASE_URL", "postgresql://todo:x@host/todo")
    monkeypatch.setitem(os.environ, "APP_DATABASE_URL", url)
    with pytest.raises(SettingsError, match="APP_DATABASE_URL: names no role or no password"):
        load(MigrationSettings)
