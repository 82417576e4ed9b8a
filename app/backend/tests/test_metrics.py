"""What the app counts. Prometheus rules and dashboards of the stack use these names."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.chat import openai_provider
from app.errors import LimitReachedError
from app.main import create_app
from app.settings import Settings
from app.tasks.models import TaskCreate
from app.tasks.store import TasksOfUser
from tests.chat_client import ask, question
from tests.model_server import ModelServer, fails, says
from tests.test_chat_openai import openai_settings
from tests.test_tasks import create
from tests.tokens import bearer


def value(app: FastAPI, name: str, **labels: str) -> float | None:
    """None if there is no such series, which differs from a series that is 0."""
    return app.state.metrics_registry.get_sample_value(name, labels)


def answers(app: FastAPI) -> dict[str, float | None]:
    outcomes = ("answered", "failed", "limited", "cancelled")
    return {o: value(app, "todo_assistant_answers_total", outcome=o) for o in outcomes}


@pytest.fixture
def chatting(app: FastAPI, settings: Settings, model: ModelServer) -> Iterator[TestClient]:
    limited = openai_settings(settings, model.base_url).model_copy(
        update={"chat_daily_tokens": 10_000}
    )
    with TestClient(create_app(limited), headers=bearer("alice")) as client:
        yield client


def test_every_series_begins_with_0(app: FastAPI) -> None:
    for name in ("tasks_created", "tasks_completed", "assistant_tokens"):
        assert value(app, f"todo_{name}_total") == 0
    assert set(answers(app).values()) == {0}


def test_tasks_are_counted_when_they_are_created_and_completed(
    app: FastAPI, client: TestClient
) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    create(client)
    create(client, completed=True)
    for completed in (True, True, False, True):  # the second one changes nothing
        assert client.patch(path, json={"completed": completed}).status_code == 200
    client.patch(path, json={"title": "another"})
    assert value(app, "todo_tasks_created_total") == 3
    assert value(app, "todo_tasks_completed_total") == 3


def test_what_the_assistant_does_is_counted_like_what_people_do(
    app: FastAPI, client: TestClient
) -> None:
    ask(client, "add milk")
    ask(client, "mark milk done")
    assert value(app, "todo_tasks_created_total") == 1
    assert value(app, "todo_tasks_completed_total") == 1
    assert answers(app) == {"answered": 2, "failed": 0, "limited": 0, "cancelled": 0}
    assert value(app, "todo_assistant_tokens_total") == 0  # there is no language model


@pytest.mark.usefixtures("client")  # closes the connections
def test_what_is_not_committed_is_not_counted(app: FastAPI) -> None:
    def add_two() -> None:
        with TasksOfUser(app.state.engine, "alice", 1, app.state.use).changing() as own:
            own.add(TaskCreate(title="lost"))
            own.add(TaskCreate(title="one too many"))

    with pytest.raises(LimitReachedError):
        add_two()
    assert value(app, "todo_tasks_created_total") == 0


def test_answers_are_counted_by_how_they_end_and_by_their_tokens(
    chatting: TestClient, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = chatting.app
    model.will(says("Hello"), fails(401))
    ask(chatting, "hi")
    spent = value(app, "todo_assistant_tokens_total")
    assert spent
    ask(chatting, "hi")
    assert value(app, "todo_assistant_tokens_total") >= spent
    monkeypatch.setattr(openai_provider, "MOST_TOKENS_ANSWERED", 10_000)
    ask(chatting, "hi")
    assert answers(app) == {"answered": 1, "failed": 1, "limited": 1, "cancelled": 0}


def test_a_question_that_is_refused_is_no_answer(app: FastAPI, client: TestClient) -> None:
    body = question("hi") | {"today": "never"}
    assert client.post("/api/chat", json=body).status_code == 422
    assert set(answers(app).values()) == {0}
