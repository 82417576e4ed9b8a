"""No route gives a user access to another user's tasks."""

import pytest
from fastapi.testclient import TestClient

from tests.tokens import bearer


@pytest.fixture
def path(client: TestClient) -> str:
    task = {"title": "Alice's secret", "tags": ["private"]}
    return client.post("/api/tasks", json=task).headers["Location"]


def test_it_is_neither_listed_nor_counted(client: TestClient, path: str) -> None:
    assert client.get("/api/tasks", headers=bearer("mallory")).json() == {
        "items": [],
        "next_cursor": None,
    }
    summary = client.get("/api/tasks/summary", headers=bearer("mallory")).json()
    assert summary == {"open": 0, "done": 0, "tags": []}


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"title": "mine"}),
        ("DELETE", "", None),
        ("POST", "/restore", None),
    ],
)
@pytest.mark.parametrize("deleted", [False, True])
def test_it_is_not_found(
    client: TestClient, path: str, method: str, suffix: str, body: dict | None, deleted: bool
) -> None:
    if deleted:
        client.delete(path)
    response = client.request(method, path + suffix, json=body, headers=bearer("mallory"))
    assert (response.status_code, response.json()["detail"]) == (404, "Task not found")
    assert client.get(path).status_code == (404 if deleted else 200)
    assert client.post(path + "/restore").json()["title"] == "Alice's secret"


@pytest.mark.parametrize(
    "sentence",
    ["show all", "find secret", "mark secret done", "delete secret", "show everything #private"],
)
def test_the_assistant_does_not_know_it(client: TestClient, path: str, sentence: str) -> None:
    before = client.get(path).json()
    body = {"messages": [{"role": "user", "content": sentence}], "today": "2030-01-01"}
    answer = client.post("/api/chat", json=body, headers=bearer("mallory"))
    assert "Alice" not in answer.text
    assert "tasks_changed" not in answer.text
    assert client.get(path).json() == before


def test_a_cursor_of_another_user_shows_only_own_tasks(client: TestClient, path: str) -> None:
    client.post("/api/tasks", json={"title": "Alice's other"})
    cursor = client.get("/api/tasks?limit=1").json()["next_cursor"]
    page = client.get("/api/tasks", params={"cursor": cursor}, headers=bearer("mallory")).json()
    assert page["items"] == []
