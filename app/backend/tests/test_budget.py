"""The daily limit of a user's tokens of the language model."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Connection, create_engine, text

from app.chat import openai_provider
from app.main import create_app
from app.settings import OPENAI_URL, Settings
from tests.chat_client import ask, error_of, question, text_of
from tests.model_server import (
    Handler,
    ModelServer,
    Reply,
    calls,
    fails,
    hangs,
    says,
    streams,
)
from tests.test_chat_openai import openai_settings
from tests.tokens import bearer

DAILY_TOKENS = 10_000


@pytest.fixture
def client(app: FastAPI, settings: Settings, model: ModelServer) -> Iterator[TestClient]:
    limited = openai_settings(settings, model.base_url).model_copy(
        update={"chat_daily_tokens": DAILY_TOKENS}
    )
    with TestClient(create_app(limited), headers=bearer("alice")) as client:
        yield client


@contextmanager
def database(settings: Settings) -> Iterator[Connection]:
    engine = create_engine(settings.sqlalchemy_url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def spent(settings: Settings) -> int | None:
    with database(settings) as connection:
        return connection.scalar(text("SELECT tokens FROM chat_usage WHERE user_id = 'alice'"))


def says_counted(content: str, tokens: int) -> Reply:
    def reply(handler: Handler) -> None:
        handler.begin_stream()
        handler.send_delta({"content": content}, "stop")
        usage = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        handler.send_event(json.dumps(chunk | {"choices": [], "usage": usage}))
        handler.end_stream()

    return reply


def test_a_user_without_tokens_is_told_and_the_model_is_not_asked(
    client: TestClient, model: ModelServer
) -> None:
    model.will(says_counted("Hello.", DAILY_TOKENS))
    assert text_of(ask(client, "hi")) == "Hello."
    assert error_of(ask(client, "hi")).startswith(
        "You have used up your 10,000 tokens of the assistant for today; ask again tomorrow (UTC)"
    )
    assert len(model.requests) == 1
    assert client.get("/api/tasks").status_code == 200


def test_another_user_is_not_affected(client: TestClient, model: ModelServer) -> None:
    model.will(says_counted("Hello.", DAILY_TOKENS))
    ask(client, "hi")
    client.headers = bearer("bob")
    assert text_of(ask(client, "hi")) == "Hello."


def test_the_next_day_begins_anew(
    settings: Settings, client: TestClient, model: ModelServer
) -> None:
    model.will(says_counted("Hello.", DAILY_TOKENS))
    ask(client, "hi")
    with database(settings) as connection:
        connection.execute(text("UPDATE chat_usage SET day = day - 1"))
    assert text_of(ask(client, "hi")) == "Hello."


def test_the_tokens_that_the_server_counts_are_used(
    settings: Settings, client: TestClient, model: ModelServer
) -> None:
    model.will(says_counted("Hello.", 1234))
    ask(client, "hi")
    ask(client, "hi")
    assert spent(settings) == 2468


def test_without_a_count_of_the_server_tokens_are_estimated(
    settings: Settings, client: TestClient, model: ModelServer
) -> None:
    model.will(says("x" * 300))
    ask(client, "hi")
    first = spent(settings)
    ask(client, "y" * 3000)
    assert first > 100
    assert 990 < spent(settings) - 2 * first < 1100


def test_every_turn_of_an_answer_uses_tokens(client: TestClient, model: ModelServer) -> None:
    model.will(
        streams(*calls("list_tasks", '{"q": "' + "x" * 6000 + '"}'), finish_reason="tool_calls")
    )
    assert error_of(ask(client, "hi")).startswith("You have used up")
    assert 1 <= len(model.requests) < openai_provider.MOST_TURNS


def test_an_answer_that_is_stopped_uses_tokens(
    settings: Settings, client: TestClient, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.chat.stream.ANSWER_SECONDS", 0.5)
    model.will(hangs("x" * 300))
    ask(client, "hi")
    assert 100 < spent(settings) < 5000


def test_a_model_that_does_not_answer_costs_nothing(
    settings: Settings, client: TestClient, model: ModelServer
) -> None:
    model.will(fails(401))
    ask(client, "z" * 3000)
    assert spent(settings) <= 1


def test_no_question_is_asked_with_too_few_tokens_left(
    settings: Settings, client: TestClient, model: ModelServer
) -> None:
    with database(settings) as connection:
        row = "INSERT INTO chat_usage VALUES ('alice', (now() AT TIME ZONE 'UTC')::date, :tokens)"
        left = openai_provider.MOST_TOKENS_ANSWERED // 2
        connection.execute(text(row), {"tokens": DAILY_TOKENS - left})
    model.will(says("Hello."))
    assert error_of(ask(client, "hi")).startswith("You have used up")
    assert model.requests == []


def test_openai_itself_is_asked_to_count(model: ModelServer) -> None:
    assert openai_provider.request_options(OPENAI_URL) == {
        "stream_options": {"include_usage": True}
    }
    assert openai_provider.request_options(model.base_url) == {}


def test_the_built_in_assistant_is_free(app: FastAPI, settings: Settings) -> None:
    with TestClient(app, headers=bearer("alice")) as client:
        client.post("/api/chat", json=question("help"))
    assert spent(settings) is None
