import uuid

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.dependencies import User, current_user


def create(client: TestClient, **fields: object) -> dict:
    response = client.post("/api/tasks", json={"title": "Buy milk"} | fields)
    assert response.status_code == 201, response.text
    return response.json()


def test_a_created_task_is_complete_and_can_be_read_back(client: TestClient) -> None:
    response = client.post("/api/tasks", json={"title": "  Buy milk ", "notes": "2 l\nfresh"})

    assert response.status_code == 201
    task = response.json()
    assert set(task) == {"id", "title", "notes", "completed", "created_at", "updated_at"}
    assert (task["title"], task["notes"], task["completed"]) == ("Buy milk", "2 l\nfresh", False)
    assert task["created_at"] == task["updated_at"]
    assert response.headers["Location"] == f"/api/tasks/{task['id']}"
    assert client.get(response.headers["Location"]).json() == task


def test_the_list_is_empty_at_first_and_then_newest_first(client: TestClient) -> None:
    assert client.get("/api/tasks").json() == []
    first, second = create(client, title="first"), create(client, title="second")
    assert client.get("/api/tasks").json() == [second, first]


def test_an_update_changes_the_given_fields_only(client: TestClient) -> None:
    task = create(client, notes="2 l")

    response = client.patch(f"/api/tasks/{task['id']}", json={"title": "Buy oat milk"})

    assert response.status_code == 200
    changed = response.json()
    assert changed["updated_at"] > task["updated_at"]
    assert changed == task | {"title": "Buy oat milk", "updated_at": changed["updated_at"]}
    assert client.get(f"/api/tasks/{task['id']}").json() == changed


def test_a_task_is_completed_and_reopened(client: TestClient) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    for completed in (True, False):
        client.patch(path, json={"completed": completed})
        assert client.get(path).json()["completed"] is completed


def test_a_deleted_task_is_gone(client: TestClient) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    response = client.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404
    assert client.get("/api/tasks").json() == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_task_is_not_found(client: TestClient, method: str) -> None:
    body = {"title": "x"} if method == "PATCH" else None
    response = client.request(method, f"/api/tasks/{uuid.uuid4()}", json=body)
    assert (response.status_code, response.json()) == (404, {"detail": "Task not found"})


def test_another_users_task_does_not_exist(app: FastAPI, client: TestClient) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    app.dependency_overrides[current_user] = lambda: User(id="someone else")

    assert client.get("/api/tasks").json() == []
    assert client.get(path).status_code == 404
    assert client.patch(path, json={"title": "mine"}).status_code == 404
    assert client.delete(path).status_code == 404
    del app.dependency_overrides[current_user]
    assert client.get(path).json()["title"] == "Buy milk"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "title: Field required"),
        ({"title": "   "}, "title: String should have at least 1 character"),
        ({"title": "x" * 201}, "title: String should have at most 200 characters"),
        ({"title": None}, "title: Input should be a valid string"),
        ({"title": 7}, "title: Input should be a valid string"),
        ({"title": "a\nb"}, "title: must be one line without control characters"),
        ({"title": "a\0b"}, "title: must be one line without control characters"),
        ({"title": "x", "notes": "a\0b"}, "notes: must not contain the NUL character"),
        ({"title": "x", "notes": "n" * 10_001}, "notes: String should have at most 10000"),
        ({"title": "x", "completed": "maybe"}, "completed: Input should be a valid boolean, "),
        ({"title": "x", "user_id": "root"}, "user_id: Extra inputs are not permitted"),
        ([], "body: Input should be a valid dictionary or object to extract fields from"),
    ],
)
def test_bad_input_is_refused_by_field(client: TestClient, body: object, detail: str) -> None:
    response = client.post("/api/tasks", json=body)
    assert response.status_code == 422
    assert response.json()["detail"].startswith(detail)
    assert [error["field"] for error in response.json()["errors"]] == [detail.partition(":")[0]]
    assert client.get("/api/tasks").json() == []


def test_every_problem_of_a_body_is_named_at_once(client: TestClient) -> None:
    response = client.post("/api/tasks", json={"title": "", "notes": 1})
    assert [error["field"] for error in response.json()["errors"]] == ["title", "notes"]


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"title": "\\ud800"}', b""])
def test_a_body_that_is_no_text_is_refused(client: TestClient, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = client.post("/api/tasks", content=content, headers=headers)
    assert response.status_code in (400, 422)
    assert response.json()["detail"]


@pytest.mark.parametrize("body", [{"title": None}, {"title": ""}, {"completed": None}, {"id": "x"}])
def test_an_update_with_bad_input_changes_nothing(client: TestClient, body: dict) -> None:
    task = create(client)
    assert client.patch(f"/api/tasks/{task['id']}", json=body).status_code == 422
    assert client.get(f"/api/tasks/{task['id']}").json() == task


def test_a_malformed_id_is_refused(client: TestClient) -> None:
    response = client.get("/api/tasks/42")
    assert response.status_code == 422
    assert response.json()["detail"].startswith("task_id: Input should be a valid UUID")


def test_text_comes_back_as_it_was_given(client: TestClient) -> None:
    title = "Ünïcode ✅ 漢字 '; DROP TABLE tasks; --"
    assert create(client, title=title)["title"] == title


def test_a_title_of_200_characters_outside_the_basic_plane_fits(client: TestClient) -> None:
    assert create(client, title="🎉" * 200)["title"] == "🎉" * 200
