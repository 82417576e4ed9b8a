"""/api/chat, answered by the built-in assistant."""

import time
from datetime import date

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.chat.builtin import BuiltinProvider, understand
from tests.chat_client import TODAY, ask, error_of, question, text_of, types_of
from tests.postgres import PostgresCluster
from tests.test_tasks import create


def say(client: TestClient, sentence: str) -> str:
    return text_of(ask(client, sentence))


def test_which_assistant_answers(client: TestClient) -> None:
    assert client.get("/api/chat").json() == {"provider": "builtin", "model": None}


def test_an_answer_is_a_line_for_each_event(client: TestClient) -> None:
    response = client.post("/api/chat", json=question("add buy milk"))
    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert response.headers["Cache-Control"] == "no-store, no-transform"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.text == (
        '{"type": "tasks_changed"}\n'
        '{"type": "text", "text": "Added \\"buy milk\\"."}\n'
        '{"type": "done"}\n'
    )


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("add buy milk", {"title": "buy milk"}),
        ("Please add: Buy milk!", {"title": "Buy milk"}),
        ("add a task to buy milk", {"title": "buy milk"}),
        ('create task "Buy milk"', {"title": "Buy milk"}),
        ("add buy milk today", {"title": "buy milk", "due_date": "2030-05-01"}),
        ("add buy milk tomorrow", {"title": "buy milk", "due_date": "2030-05-02"}),
        ("remind me to pay rent by the day after tomorrow", {"due_date": "2030-05-03"}),
        ("add call mom on Friday", {"title": "call mom", "due_date": "2030-05-03"}),
        ("add call mom wednesday", {"title": "call mom", "due_date": "2030-05-08"}),
        ("add call mom next monday", {"title": "call mom", "due_date": "2030-05-06"}),
        ("add plan in 3 days", {"title": "plan", "due_date": "2030-05-04"}),
        ("add plan in 2 weeks", {"title": "plan", "due_date": "2030-05-15"}),
        ("add plan next week", {"title": "plan", "due_date": "2030-05-08"}),
        ("add taxes due 2031-01-31", {"title": "taxes", "due_date": "2031-01-31"}),
        ("add taxes due 2031-02-31", {"title": "taxes due 2031-02-31", "due_date": None}),
        ("add today", {"title": "today", "due_date": None}),
        ("add read the friday report", {"title": "read the friday report", "due_date": None}),
        (
            "add call mom on friday !high #family",
            {
                "title": "call mom",
                "due_date": "2030-05-03",
                "priority": "high",
                "tags": ["family"],
            },
        ),
        (
            "add #Shop eggs !LOW #food",
            {"title": "eggs", "priority": "low", "tags": ["shop", "food"]},
        ),
        ("add c# course", {"title": "c# course", "tags": []}),
        ("i need to buy\nmilk", {"title": "buy milk"}),
    ],
)
def test_adding(client: TestClient, sentence: str, expected: dict) -> None:
    events = ask(client, sentence)
    assert types_of(events) == ["tasks_changed", "text", "done"], events
    [task] = client.get("/api/tasks").json()["items"]
    assert {name: task[name] for name in expected} == expected


@pytest.fixture
def several(client: TestClient) -> None:
    create(client, title="Buy milk", due_date="2030-05-01", tags=["shop"])
    create(client, title="Milk the cow", due_date="2030-05-04")
    create(client, title="Call mom", priority="high", due_date="2030-04-30")
    create(client, title="Pay rent", completed=True)


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    ("sentence", "answer"),
    [
        (
            "what is left?",
            "Your open tasks:\n"
            '- "Call mom" (due yesterday, high priority)\n'
            '- "Milk the cow" (due Saturday 2030-05-04)\n'
            '- "Buy milk" (due today, #shop)',
        ),
        ("what is due today?", 'Your open tasks due today:\n- "Buy milk" (due today, #shop)'),
        ("What's due tomorrow", "There are no open tasks due tomorrow."),
        (
            "what is overdue",
            'Your open tasks due before today:\n- "Call mom" (due yesterday, high priority)',
        ),
        (
            "what is due on saturday",
            'Your open tasks due Saturday 2030-05-04:\n- "Milk the cow" (due Saturday 2030-05-04)',
        ),
        (
            "what is due this week?",
            "Your open tasks due from today before Monday 2030-05-06:\n"
            '- "Milk the cow" (due Saturday 2030-05-04)\n- "Buy milk" (due today, #shop)',
        ),
        (
            "anything due next week",
            "There are no open tasks due from Monday 2030-05-06 before Monday 2030-05-13.",
        ),
        ("show done", 'Your done tasks:\n- "Pay rent" (done)'),
        ("show #shop", 'Your open tasks tagged #shop:\n- "Buy milk" (due today, #shop)'),
        (
            "list my high priority tasks",
            'Your open high-priority tasks:\n- "Call mom" (due yesterday, high priority)',
        ),
        ("find rent", 'Your tasks with "rent":\n- "Pay rent" (done)'),
        ("search for 'cow'", 'Your tasks with "cow":\n- "Milk the cow" (due Saturday 2030-05-04)'),
    ],
)
def test_looking(client: TestClient, sentence: str, answer: str) -> None:
    events = ask(client, sentence)
    assert types_of(events) == ["text", "done"]
    assert text_of(events) == answer


def test_everything_is_shown_up_to_twenty(client: TestClient) -> None:
    for n in range(21):
        create(client, title=str(n))
    lines = say(client, "show everything").splitlines()
    assert len(lines) == 22
    assert lines[-1] == "- … and more"


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    ("sentence", "title", "completed", "answer"),
    [
        ("mark mom done", "Call mom", True, '"Call mom" is done.'),
        ("Mark the call as done.", "Call mom", True, '"Call mom" is done.'),
        ("complete buy milk", "Buy milk", True, '"Buy milk" is done.'),
        ("I finished buy milk", "Buy milk", True, '"Buy milk" is done.'),
        ("buy milk is done", "Buy milk", True, '"Buy milk" is done.'),
        ("check off milk cow", "Milk the cow", True, '"Milk the cow" is done.'),
        ("reopen rent", "Pay rent", False, '"Pay rent" is open again.'),
        ("mark rent as not done", "Pay rent", False, '"Pay rent" is open again.'),
    ],
)
def test_changing(
    client: TestClient, sentence: str, title: str, completed: bool, answer: str
) -> None:
    events = ask(client, sentence)
    assert types_of(events) == ["tasks_changed", "text", "done"]
    assert text_of(events) == answer
    tasks = {task["title"]: task["completed"] for task in client.get("/api/tasks").json()["items"]}
    assert tasks[title] is completed


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    ("sentence", "answer"),
    [
        (
            "mark milk done",
            'Several tasks have "milk" in their title: "Milk the cow", "Buy milk". '
            "Which one do you mean?",
        ),
        ("delete bread", 'No task has "bread" in its title.'),
        ("mark rent done", 'No open task has "rent" in its title.'),
        ("reopen mom", 'No done task has "mom" in its title.'),
        ("delete %", 'No task has "%" in its title.'),
    ],
)
def test_without_exactly_one_match_nothing_changes(
    client: TestClient, sentence: str, answer: str
) -> None:
    before = client.get("/api/tasks").json()
    events = ask(client, sentence)
    assert types_of(events) == ["text", "done"]
    assert text_of(events) == answer
    assert client.get("/api/tasks").json() == before


def test_an_exact_title_wins_over_other_matches(client: TestClient) -> None:
    create(client, title="Milk")
    create(client, title="Buy milk")
    assert say(client, "delete milk") == 'Deleted "Milk".'


def test_many_matches_are_not_all_named(client: TestClient) -> None:
    for n in range(7):
        create(client, title=f"Buy milk {n}")
    answer = say(client, "delete milk")
    assert '"Buy milk 6", "Buy milk 5", "Buy milk 4", "Buy milk 3", "Buy milk 2", …' in answer


def test_a_deleted_task_can_be_restored(client: TestClient) -> None:
    task = create(client, title="Buy milk")
    assert say(client, "delete milk") == 'Deleted "Buy milk".'
    assert client.get("/api/tasks").json()["items"] == []
    assert client.post(f"/api/tasks/{task['id']}/restore").status_code == 200


@pytest.mark.parametrize(
    ("sentence", "beginning"),
    [
        ("help", "I keep your list."),
        ("Hello!", "I keep your list."),
        ("what can you do?", "I keep your list."),
        ("sing a song", "I did not understand that. I keep your list."),
        ("add", "I did not understand that."),
        ("?", "I did not understand that."),
        ("add " + "x" * 201, "title: String should have at most 200 characters"),
        ("add x #" + "t" * 31, "tags: must be 1 to 30 letters, digits, hyphens or underscores"),
    ],
)
def test_help_and_what_it_does_not_do(client: TestClient, sentence: str, beginning: str) -> None:
    events = ask(client, sentence)
    assert types_of(events) == ["text", "done"]
    assert text_of(events).startswith(beginning)


@pytest.mark.parametrize("words", ["by ", "due on ", "what on ", "next ", "! ", "#", "is done "])
def test_no_sentence_takes_long_to_understand(words: str) -> None:
    sentence = ("add " + words * 4000)[:4000]
    started = time.process_time()
    understand(sentence, date.fromisoformat(TODAY))
    understand(sentence.removeprefix("add "), date.fromisoformat(TODAY))
    assert time.process_time() - started < 0.1


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"messages": []}, "messages: List should have at least 1 item"),
        ({"messages": [{"role": "user", "content": "x"}] * 51}, "messages: List should have at mo"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages.content: String should have"),
        ({"messages": [{"role": "user", "content": "x" * 4001}]}, "messages.content: String shou"),
        ({"messages": [{"role": "user", "content": "\0"}]}, "messages.content: must not contain"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages.role: Input should be"),
        (
            {"messages": [{"role": "assistant", "content": "x"}]},
            "messages: the last message must be the user's",
        ),
        ({"today": "tomorrow"}, "today: must be a date from 1900-01-01 to 2999-12-31"),
        ({"model": "other"}, "model: Extra inputs are not permitted"),
    ],
)
def test_bad_input_is_refused_by_field(client: TestClient, body: dict, detail: str) -> None:
    response = client.post("/api/chat", json=question("help") | body)
    assert response.status_code == 422
    assert response.json()["detail"].startswith(detail)


def test_a_lost_database_is_reported(client: TestClient, postgres: PostgresCluster) -> None:
    postgres.stop()
    try:
        events = ask(client, "what is left?")
    finally:
        postgres.start()
    assert types_of(events) == ["error", "done"]
    assert events[0]["message"].startswith("The database is not available right now")
    assert types_of(ask(client, "what is left?")) == ["text", "done"]


class BrokenProvider(BuiltinProvider):
    async def answer(self, *_: object) -> None:
        raise RuntimeError("the reason is for the log only")


def test_an_unexpected_failure_is_reported_and_logged(
    app: FastAPI, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    app.state.chat_provider = BrokenProvider()
    events = ask(client, "what is left?")
    assert error_of(events) == "Something went wrong; the failure was recorded"
    assert "RuntimeError: the reason is for the log only" in caplog.text
