"""Limits for one user, or one slow statement, of the resources that all users share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, text

from app import database, errors, migrate
from app.main import create_app
from app.settings import Settings
from tests.chat_client import ask, text_of, types_of
from tests.conftest import create_tables
from tests.test_tasks import create
from tests.tokens import bearer

FULL = "You have 2 tasks, the most that you can keep; delete some first"


@pytest.fixture
def small(settings: Settings) -> Iterator[TestClient]:
    """Signed in as alice, with a limit of two tasks."""
    create_tables(settings)
    app = create_app(settings.model_copy(update={"tasks_per_user": 2}))
    with TestClient(app, headers=bearer("alice")) as client:
        yield client


def test_a_user_can_keep_only_so_many_tasks(small: TestClient) -> None:
    create(small)
    create(small, completed=True)
    refused = small.post("/api/tasks", json={"title": "one too many"})
    assert (refused.status_code, refused.json()["detail"]) == (409, FULL)
    assert small.post("/api/tasks", json={"title": "x"}, headers=bearer("bob")).status_code == 201


def test_the_assistant_says_that_no_more_can_be_kept(small: TestClient) -> None:
    create(small)
    create(small)
    events = ask(small, "add buy milk")
    assert (types_of(events), text_of(events)) == (["text", "done"], FULL)


def test_a_deleted_task_makes_room_and_is_restored_only_within_the_limit(
    small: TestClient,
) -> None:
    path = f"/api/tasks/{create(small)['id']}"
    create(small)
    small.delete(path)
    other = create(small)
    refused = small.post(f"{path}/restore")
    assert (refused.status_code, refused.json()["detail"]) == (409, FULL)
    small.delete(f"/api/tasks/{other['id']}")
    assert small.post(f"{path}/restore").status_code == 200
    assert small.post(f"{path}/restore").status_code == 200


def test_the_limit_also_holds_for_deleted_tasks(small: TestClient) -> None:
    paths = []
    for _ in range(3):
        paths.append(f"/api/tasks/{create(small)['id']}")
        small.delete(paths[-1])
    statuses = [small.post(f"{path}/restore").status_code for path in paths]
    assert statuses == [404, 200, 200]


@contextmanager
def locked_tasks(settings: Settings) -> Iterator[None]:
    """Locks the table of tasks: every other query for tasks has to wait."""
    engine = create_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        connection.execute(text("LOCK TABLE tasks"))
        yield
    engine.dispose()


@pytest.fixture
def impatient(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    create_tables(settings)
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 0.2)
    with TestClient(create_app(settings), headers=bearer("alice")) as client:
        yield client


def test_a_slow_statement_is_stopped_and_reported(
    impatient: TestClient, settings: Settings
) -> None:
    with locked_tasks(settings):
        answer = impatient.get("/api/tasks")
        assert (answer.status_code, answer.json()["detail"]) == (503, errors.TOO_SLOW)
        [event, _] = ask(impatient, "what is left?")
        assert event == {"type": "error", "message": errors.TOO_SLOW}
    assert impatient.get("/api/tasks").status_code == 200


def test_readiness_does_not_wait_for_the_connections_of_requests(
    app: FastAPI, client: TestClient
) -> None:
    with ExitStack() as stack:
        for _ in range(database.POOL_SIZE + database.POOL_OVERFLOW):
            stack.enter_context(app.state.engine.connect())
        assert client.get("/health/ready").status_code == 200


@pytest.mark.parametrize(
    ("build", "limit"),
    [
        (database.build_engine, "5s"),
        (database.build_probe_engine, "1s"),
        (database.build_migration_engine, "0"),
    ],
)
def test_each_kind_of_connection_has_its_own_limit_for_a_statement(
    settings: Settings, build: Callable, limit: str
) -> None:
    engine = build(settings.sqlalchemy_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW statement_timeout")) == limit
        connection.rollback()
        assert connection.scalar(text("SHOW statement_timeout")) == limit
    engine.dispose()


def test_a_migration_has_no_limit_even_on_a_connection_that_has_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    show = text("SHOW statement_timeout")
    monkeypatch.setattr(
        migrate.command,
        "upgrade",
        lambda c, _: seen.append(c.attributes["connection"].scalar(show)),
    )
    create_tables(settings, database.build_engine(settings.sqlalchemy_url))
    assert seen == ["0"]
