"""/api/chat, answered by a language model that an HTTP server of the tests stands in for."""

import json
import logging
import time
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import logs
from app.chat import openai_provider, stream
from app.main import create_app
from app.settings import Settings
from tests.chat_client import TODAY, ask, error_of, text_of, types_of
from tests.model_server import (
    API_KEY,
    ModelServer,
    Reply,
    breaks_off,
    calls,
    fails,
    hangs,
    says,
    sends,
    streams,
)
from tests.processes import free_port
from tests.test_tasks import create
from tests.tokens import SECRET, bearer


def openai_settings(settings: Settings, base_url: str) -> Settings:
    return Settings(
        database_url=settings.database_url,
        better_auth_secret=SECRET,
        llm_provider="openai",
        llm_model="test-model",
        openai_base_url=base_url,
        openai_api_key=API_KEY,
    )


@pytest.fixture
def client(
    app: FastAPI, settings: Settings, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    monkeypatch.setattr(openai_provider, "SILENCE_SECONDS", 1)
    own_app = create_app(openai_settings(settings, model.base_url))
    with TestClient(own_app, headers=bearer("alice")) as client:
        yield client


def test_which_assistant_answers(client: TestClient) -> None:
    assert client.get("/api/chat").json() == {"provider": "openai", "model": "test-model"}


def test_what_the_model_says_is_passed_on_piece_by_piece(
    client: TestClient, model: ModelServer
) -> None:
    model.will(says("Hel", "lo", " 👋"))
    events = ask(client, "hi", "Hello!", "who are you?")
    assert [event.get("text") for event in events] == ["Hel", "lo", " 👋", None]
    [request] = model.requests
    assert (request["model"], request["stream"]) == ("test-model", True)
    [system, *messages] = request["messages"]
    assert f"Wednesday, {TODAY}" in system["content"]
    assert [message["content"] for message in messages] == ["hi", "Hello!", "who are you?"]
    assert {tool["function"]["name"] for tool in request["tools"]} == {
        "add_task",
        "list_tasks",
        "complete_task",
        "reopen_task",
        "delete_task",
    }
    assert model.headers_seen[0]["authorization"] == f"Bearer {API_KEY}"


def test_the_model_uses_tools_and_gets_their_answers(
    client: TestClient, model: ModelServer
) -> None:
    create(client, title="Buy milk")
    both = [
        {"content": "One moment. "},
        *calls("add_task", '{"title": "Call ', 'mom", "due_da', 'te": "2030-05-02"}'),
        *calls("complete_task", '{"words":', ' "milk"}', index=1),
    ]
    model.will(
        streams(*both, finish_reason="tool_calls"),
        streams(*calls("list_tasks", "{}"), finish_reason="tool_calls"),
        says("Done."),
    )
    events = ask(client, "I bought milk, and remind me to call mom tomorrow")
    assert types_of(events) == ["text", "tasks_changed", "tasks_changed", "text", "done"]
    assert text_of(events) == "One moment. Done."
    tasks = client.get("/api/tasks").json()["items"]
    assert [(t["title"], t["completed"], t["due_date"]) for t in tasks] == [
        ("Call mom", False, "2030-05-02"),
        ("Buy milk", True, None),
    ]
    assistant, *results = model.requests[1]["messages"][2:]
    assert [call["id"] for call in assistant["tool_calls"]] == ["call-0", "call-1"]
    assert [(r["tool_call_id"], r["content"]) for r in results] == [
        ("call-0", 'Added "Call mom" (due tomorrow).'),
        ("call-1", '"Buy milk" is done.'),
    ]
    assert model.requests[2]["messages"][-1]["content"] == (
        'Your tasks:\n- "Call mom" (due tomorrow)\n- "Buy milk" (done)'
    )


def test_several_calls_may_share_one_index(client: TestClient, model: ModelServer) -> None:
    first, second = (
        calls("add_task", '{"title": "Eggs"}'),
        calls("add_task", '{"title": ', '"Milk"}'),
    )
    second[0]["tool_calls"][0]["id"] = "another"
    model.will(streams(*first, *second, finish_reason="tool_calls"), says("Done."))
    assert text_of(ask(client, "add eggs and milk")) == "Done."
    titles = [task["title"] for task in client.get("/api/tasks").json()["items"]]
    assert titles == ["Milk", "Eggs"]
    results = model.requests[1]["messages"][-2:]
    assert [result["tool_call_id"] for result in results] == ["call-0", "another"]


def test_a_call_whose_id_comes_with_every_piece_is_one(
    client: TestClient, model: ModelServer
) -> None:
    pieces = calls("add_task", '{"title": ', '"Eggs"}')
    for piece in pieces:
        piece["tool_calls"][0]["id"] = "call-0"
    model.will(streams(*pieces, finish_reason="tool_calls"), says("Done."))
    ask(client, "add eggs")
    assert model.requests[1]["messages"][-1]["tool_call_id"] == "call-0"
    assert [task["title"] for task in client.get("/api/tasks").json()["items"]] == ["Eggs"]


@pytest.mark.parametrize("without", [{"index": 0}, {"index": 0, "delta": None}])
def test_a_chunk_that_says_nothing_is_skipped(
    client: TestClient, model: ModelServer, without: dict
) -> None:
    said = {"index": 0, "delta": {"content": "Hello."}}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    model.will(sends(*[json.dumps({"choices": [choice]}) for choice in (said, without, end)]))
    assert types_of(ask(client, "hi")) == ["text", "done"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ('{"title": ""}', "title: String should have at least 1 character"),
        ('{"title": "x", "due_date": "tomorrow"}', "due_date: must be a date from 1900-01-01"),
        ('{"title": "x", "user_id": "bob"}', "user_id: Extra inputs are not permitted"),
    ],
)
def test_the_model_may_correct_wrong_arguments(
    client: TestClient, model: ModelServer, arguments: str, told: str
) -> None:
    model.will(streams(*calls("add_task", arguments), finish_reason="tool_calls"), says("I see."))
    assert types_of(ask(client, "add x")) == ["text", "done"]
    assert model.requests[1]["messages"][-1]["content"].startswith(told)


@pytest.mark.parametrize(
    "bad_call",
    [
        calls("add_task", '{"title": "half'),
        calls("add_task", '["no", "object"]'),
        calls("drop_table", "{}"),
        # the first call is valid, but nothing is changed if any of the calls is invalid
        [*calls("add_task", '{"title": "x"}'), *calls("add_task", "}", index=1)],
    ],
)
def test_an_invalid_tool_call_ends_the_answer(
    client: TestClient, model: ModelServer, bad_call: list[dict]
) -> None:
    model.will(streams(*bad_call, finish_reason="tool_calls"))
    assert error_of(ask(client, "add x")) == openai_provider.NOT_UNDERSTOOD
    assert client.get("/api/tasks").json()["items"] == []


def test_a_model_that_calls_tools_without_end_is_stopped(
    client: TestClient, model: ModelServer
) -> None:
    model.will(streams(*calls("list_tasks", "{}"), finish_reason="tool_calls"))
    assert error_of(ask(client, "add x")) == openai_provider.NO_END
    assert len(model.requests) == openai_provider.MOST_TURNS


@pytest.mark.parametrize(
    ("reply", "message", "requests"),
    [
        (fails(400), openai_provider.REFUSED, 1),
        (fails(401), openai_provider.WRONG_SETUP, 1),
        (fails(404), openai_provider.WRONG_SETUP, 1),
        (fails(429), openai_provider.BUSY, 3),
        (fails(500), openai_provider.UNAVAILABLE, 3),
        (hangs(), openai_provider.UNREACHABLE, 3),
        (hangs("Hel"), openai_provider.UNREACHABLE, 1),
        (breaks_off("Hel", politely=False), openai_provider.UNREACHABLE, 1),
        (breaks_off("Hel", politely=True), openai_provider.BROKE_OFF, 1),
        (says("Hel", finish_reason="length"), openai_provider.TOO_LONG, 1),
        (says("Hel", finish_reason="content_filter"), openai_provider.WITHHELD, 1),
        (says(*["x" * 10_000] * 3), openai_provider.TOO_LONG, 1),
        (sends("{not json"), openai_provider.BROKE_OFF, 1),
        (sends('{"error": {"message": "overloaded"}}'), openai_provider.BROKE_OFF, 1),
        (sends('{"choices": null}'), openai_provider.BROKE_OFF, 1),
    ],
)
def test_a_failure_of_the_model_is_explained_in_one_sentence(
    client: TestClient,
    model: ModelServer,
    capfd: pytest.CaptureFixture[str],
    reply: Reply,
    message: str,
    requests: int,
) -> None:
    logs.configure("DEBUG")
    model.will(reply)
    events = ask(client, "hi")
    assert error_of(events) == message
    assert len(model.requests) == requests
    assert client.get("/api/tasks").status_code == 200
    assert API_KEY not in json.dumps(events) + "".join(capfd.readouterr())

    model.will(says("Better."))
    assert text_of(ask(client, "hi")) == "Better."


def test_a_failure_before_the_answer_is_tried_again(client: TestClient, model: ModelServer) -> None:
    model.will(fails(500), fails(429), says("Here I am."))
    assert text_of(ask(client, "hi")) == "Here I am."


def test_an_unreachable_server(app: FastAPI, settings: Settings) -> None:
    nobody = openai_settings(settings, f"http://127.0.0.1:{free_port()}/v1")
    with TestClient(create_app(nobody), headers=bearer("alice")) as client:
        assert error_of(ask(client, "hi")) == openai_provider.UNREACHABLE


def test_an_answer_that_takes_too_long_is_stopped(
    client: TestClient, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "ANSWER_SECONDS", 0.5)
    model.will(hangs("Hel"))
    started = time.monotonic()
    assert "took more than 0.5 seconds" in error_of(ask(client, "hi"))
    assert time.monotonic() - started < 1
    assert model.client_gone.wait(5)


def test_the_model_can_not_reach_another_users_tasks(
    client: TestClient, model: ModelServer
) -> None:
    task = client.post("/api/tasks", json={"title": "Bob's"}, headers=bearer("bob")).json()
    for tool, arguments in [
        ("list_tasks", "{}"),
        ("complete_task", '{"words": "Bob"}'),
        ("delete_task", '{"words": "Bob"}'),
    ]:
        model.will(streams(*calls(tool, arguments), finish_reason="tool_calls"), says("?"))
        assert types_of(ask(client, "do it")) == ["text", "done"]
        assert "Bob's" not in model.requests[-1]["messages"][-1]["content"]
    path = f"/api/tasks/{task['id']}"
    assert client.get(path, headers=bearer("bob")).json() == task


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = handlers, level
