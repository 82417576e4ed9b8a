import uuid

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text


def create(client: TestClient, **fields: object) -> dict:
    response = client.post("/api/tasks", json={"title": "Buy milk"} | fields)
    assert response.status_code == 201, response.text
    return response.json()


def test_a_created_task_is_complete_and_can_be_read_back(client: TestClient) -> None:
    response = client.post("/api/tasks", json={"title": "  Buy milk ", "notes": "2 l\nfresh"})

    assert response.status_code == 201
    task = response.json()
    identity, created, updated = (task.pop(n) for n in ("id", "created_at", "updated_at"))
    assert task == {
        "title": "Buy milk",
        "notes": "2 l\nfresh",
        "completed": False,
        "due_date": None,
        "priority": "normal",
        "tags": [],
    }
    assert created == updated
    assert response.headers["Location"] == f"/api/tasks/{identity}"
    assert client.get(response.headers["Location"]).json() == response.json()


def test_a_task_has_a_due_date_a_priority_and_tags(client: TestClient) -> None:
    fields = {"due_date": "2030-05-01", "priority": "high", "tags": ["family", "größe_1", "a-b"]}
    task = create(client, **fields)
    assert {name: task[name] for name in fields} == fields

    changes = {"due_date": None, "priority": "low", "tags": []}
    changed = client.patch(f"/api/tasks/{task['id']}", json=changes).json()
    assert changed == task | changes | {"updated_at": changed["updated_at"]}


def test_tags_are_lower_case_and_named_once(client: TestClient) -> None:
    assert create(client, tags=["Home", "shop", "home"])["tags"] == ["home", "shop"]


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


def test_a_deleted_task_is_gone_until_it_is_restored(client: TestClient) -> None:
    task = create(client, tags=["shop"])
    path = f"/api/tasks/{task['id']}"
    response = client.delete(path)
    assert (response.status_code, response.content) == (204, b"")
    assert client.get(path).status_code == 404
    assert client.patch(path, json={"title": "x"}).status_code == 404
    assert client.delete(path).status_code == 404
    assert client.get("/api/tasks").json()["items"] == []

    for _ in range(2):  # a second restore changes nothing
        restored = client.post(f"{path}/restore")
        assert restored.status_code == 200
        assert restored.json() | {"updated_at": task["updated_at"]} == task
        assert client.get(path).json() == restored.json()


def test_a_deletion_removes_tasks_that_were_deleted_more_than_a_day_ago(
    app: FastAPI, client: TestClient
) -> None:
    ids = [create(client)["id"] for _ in range(3)]
    for task_id, hours in zip(ids, (25, 23), strict=False):
        client.delete(f"/api/tasks/{task_id}")
        with app.state.engine.begin() as connection:
            long_ago = text("UPDATE tasks SET deleted_at = now() - :h * interval '1h' WHERE id=:id")
            connection.execute(long_ago, {"h": hours, "id": task_id})
    client.delete(f"/api/tasks/{ids[2]}")
    statuses = [client.post(f"/api/tasks/{task_id}/restore").status_code for task_id in ids]
    assert statuses == [404, 200, 200]


@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/restore")]
)
def test_an_unknown_task_is_not_found(client: TestClient, method: str, suffix: str) -> None:
    body = {"title": "x"} if method == "PATCH" else None
    response = client.request(method, f"/api/tasks/{uuid.uuid4()}{suffix}", json=body)
    assert response.status_code == 404
    assert response.json() == {"detail": "Task not found", "errors": []}


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
        ({"title": "x", "completed": "maybe"}, "completed: Input should be a valid boolean"),
        ({"title": "x", "user_id": "root"}, "user_id: Extra inputs are not permitted"),
        ({"title": "x", "due_date": "1.5.2030"}, "due_date: must be a date from 1900-01-01 to "),
        ({"title": "x", "due_date": "2030-02-30"}, "due_date: must be a date from 1900-01-01 to "),
        ({"title": "x", "due_date": "2030-01-01T00:00:00"}, "due_date: must be a date from "),
        ({"title": "x", "due_date": 1893456000}, "due_date: must be a date from 1900-01-01 to "),
        ({"title": "x", "priority": "urgent"}, "priority: Input should be 'low', 'normal' or 'hi"),
        ({"title": "x", "tags": ["a b"]}, "tags: must be 1 to 30 letters, digits, hyphens or "),
        ({"title": "x", "tags": [""]}, "tags: must be 1 to 30 letters, digits, hyphens or "),
        ({"title": "x", "tags": ["t" * 31]}, "tags: must be 1 to 30 letters, digits, hyphens or "),
        ({"title": "x", "tags": ["t"] * 11}, "tags: List should have at most 10 items after "),
        ({"title": "x", "tags": "shop"}, "tags: Input should be a valid list"),
        ([], "body: Input should be a valid dictionary or object to extract fields from"),
    ],
)
def test_bad_input_is_refused_by_field(client: TestClient, body: object, detail: str) -> None:
    response = client.post("/api/tasks", json=body)
    assert response.status_code == 422
    assert response.json()["detail"].startswith(detail)
    assert [error["field"] for error in response.json()["errors"]] == [detail.partition(":")[0]]
    assert client.get("/api/tasks").json()["items"] == []


def test_every_problem_of_a_body_is_named_at_once(client: TestClient) -> None:
    response = client.post("/api/tasks", json={"title": "", "notes": 1})
    assert [error["field"] for error in response.json()["errors"]] == ["title", "notes"]


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff", b"", b'{"title": "\\ud800"}', b'{"\\ud800": 1}', b"[" * 5000, b"1" * 5000],
)
def test_a_body_that_is_no_text_is_refused(client: TestClient, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = client.post("/api/tasks", content=content, headers=headers)
    assert response.status_code in (400, 422)
    assert response.json()["detail"]


def test_a_body_of_more_than_a_mebibyte_is_refused(client: TestClient) -> None:
    response = client.post("/api/tasks", json={"title": "x", "notes": "n" * 1024 * 1024})
    assert response.status_code == 413
    assert response.json()["detail"] == "The body must have at most 1048576 bytes"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/nothing", 404), ("GET", "/api/tasks/", 404), ("PUT", "/api/tasks", 405)],
)
def test_what_does_not_exist_is_answered_in_the_same_shape(
    client: TestClient, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert set(response.json()) == {"detail", "errors"}


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
