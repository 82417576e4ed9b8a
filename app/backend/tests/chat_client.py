"""A client of /api/chat that works like the browser."""

import json

import httpx2 as httpx
from fastapi.testclient import TestClient

TODAY = "2030-05-01"  # a Wednesday


def question(*contents: str, today: str = TODAY) -> dict:
    """A request body whose messages are the user's and the assistant's in turn."""
    roles = ["user", "assistant"] * len(contents)
    messages = [
        {"role": role, "content": content} for role, content in zip(roles, contents, strict=False)
    ]
    return {"messages": messages, "today": today}


def ask(client: TestClient | httpx.Client, *contents: str, today: str = TODAY) -> list[dict]:
    response = client.post("/api/chat", json=question(*contents, today=today))
    assert response.status_code == 200, response.text
    events = [json.loads(line) for line in response.text.splitlines()]
    assert [event["type"] for event in events].index("done") == len(events) - 1
    return events


def text_of(events: list[dict]) -> str:
    return "".join(event["text"] for event in events if event["type"] == "text")


def types_of(events: list[dict]) -> list[str]:
    return [event["type"] for event in events]


def error_of(events: list[dict]) -> str:
    """The message of the only error event, which must be the last one before `done`."""
    assert types_of(events)[-2:] == ["error", "done"], events
    assert types_of(events).count("error") == 1
    return events[-2]["message"]
