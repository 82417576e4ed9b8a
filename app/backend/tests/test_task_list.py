"""The list: pages, filters, summary."""

import uuid

import pytest
from fastapi.testclient import TestClient

from tests.test_tasks import create


def titles(client: TestClient, **params: object) -> list[str]:
    response = client.get("/api/tasks", params=params)
    assert response.status_code == 200, response.text
    return [task["title"] for task in response.json()["items"]]


def test_it_is_empty_at_first_and_then_newest_first(client: TestClient) -> None:
    assert client.get("/api/tasks").json() == {"items": [], "next_cursor": None}
    first, second = create(client, title="first"), create(client, title="second")
    page = client.get("/api/tasks").json()
    assert page == {"items": [second, first], "next_cursor": None}


@pytest.mark.parametrize("count", [4, 5, 6])
def test_pages_put_together_are_the_list_while_tasks_come_and_go(
    client: TestClient, count: int
) -> None:
    expected = [create(client, title=str(n))["id"] for n in range(count)][::-1]
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/tasks", params=params).json()
        seen += [task["id"] for task in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert len(page["items"]) == 2
        create(client, title="came later")
        client.delete(f"/api/tasks/{page['items'][-1]['id']}")
    assert seen == expected


@pytest.mark.parametrize("bad", ["", "x", "AAAA", "x" * 40, "ü" * 40, "\0", str(uuid.UUID(int=7))])
def test_a_made_up_cursor_is_refused(client: TestClient, bad: str) -> None:
    response = client.get("/api/tasks", params={"cursor": bad})
    assert response.status_code == 422
    assert response.json()["errors"] == [
        {
            "field": "cursor",
            "message": "must be the next_cursor of an earlier answer, unchanged",
        }
    ]


def test_no_character_of_a_cursor_may_change(client: TestClient) -> None:
    create(client)
    create(client)
    cursor = client.get("/api/tasks?limit=1").json()["next_cursor"]
    for index, character in enumerate(cursor):
        changed = cursor[:index] + ("A" if character != "A" else "B") + cursor[index + 1 :]
        response = client.get("/api/tasks", params={"cursor": changed})
        assert response.status_code == 422, changed
    for changed in (cursor[:-4], cursor + "AAAA", cursor + "="):
        assert client.get("/api/tasks", params={"cursor": changed}).status_code == 422


@pytest.fixture
def several(client: TestClient) -> None:
    create(client, title="Buy milk", due_date="2030-05-01", tags=["shop", "home"])
    create(client, title="Call mom", priority="high", tags=["family"], notes="about the MILK")
    create(client, title="100 % done", completed=True, due_date="2030-05-03", tags=["home"])
    gone = create(client, title="Deleted milk", tags=["home"], priority="high")
    client.delete(f"/api/tasks/{gone['id']}")


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["100 % done", "Call mom", "Buy milk"]),
        ({"status": "all"}, ["100 % done", "Call mom", "Buy milk"]),
        ({"status": "open"}, ["Call mom", "Buy milk"]),
        ({"status": "done"}, ["100 % done"]),
        ({"q": "milk"}, ["Call mom", "Buy milk"]),
        ({"q": "0 %"}, ["100 % done"]),
        ({"q": "%"}, ["100 % done"]),
        ({"q": "_"}, []),
        ({"q": "\\"}, []),
        ({"tag": "home"}, ["100 % done", "Buy milk"]),
        ({"tag": "HOME"}, ["100 % done", "Buy milk"]),
        ({"tag": "hom"}, []),
        ({"priority": "high"}, ["Call mom"]),
        ({"due_before": "2030-05-03"}, ["Buy milk"]),
        ({"due_before": "2030-05-04"}, ["100 % done", "Buy milk"]),
        ({"due_from": "2030-05-02"}, ["100 % done"]),
        ({"status": "open", "tag": "home", "q": "buy"}, ["Buy milk"]),
    ],
)
def test_filters(client: TestClient, params: dict, expected: list[str]) -> None:
    assert titles(client, **params) == expected


def test_pages_of_a_filtered_list(client: TestClient) -> None:
    for n in range(6):
        create(client, title=str(n), completed=n % 2 == 0)
    page = client.get("/api/tasks?status=done&limit=2").json()
    rest = titles(client, status="done", cursor=page["next_cursor"])
    assert [task["title"] for task in page["items"]] + rest == ["4", "2", "0"]


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({"status": "later"}, "status: Input should be 'all', 'open' or 'done'"),
        ({"priority": "urgent"}, "priority: Input should be 'low', 'normal' or 'high'"),
        ({"limit": 0}, "limit: Input should be greater than or equal to 1"),
        ({"limit": 101}, "limit: Input should be less than or equal to 100"),
        ({"limit": "many"}, "limit: Input should be a valid integer"),
        ({"q": "a\0b"}, "q: must not contain the NUL character"),
        ({"q": "x" * 201}, "q: String should have at most 200 characters"),
        ({"tag": "a b"}, "tag: must be 1 to 30 letters, digits, hyphens or underscores"),
        ({"due_before": "tomorrow"}, "due_before: must be a date from 1900-01-01 to 2999-12-31"),
        ({"due_before": "1893456000"}, "due_before: must be a date"),
        ({"due_from": "2030-02-30"}, "due_from: must be a date"),
    ],
)
def test_wrong_parameters_are_named(client: TestClient, params: dict, detail: str) -> None:
    response = client.get("/api/tasks", params=params)
    assert response.status_code == 422
    assert response.json()["detail"].startswith(detail)


@pytest.mark.usefixtures("several")
def test_the_summary_counts_what_is_not_deleted(client: TestClient) -> None:
    assert client.get("/api/tasks/summary").json() == {
        "open": 2,
        "done": 1,
        "tags": [
            {"name": "home", "count": 2},
            {"name": "family", "count": 1},
            {"name": "shop", "count": 1},
        ],
    }


def test_the_summary_names_fifty_tags(client: TestClient) -> None:
    for n in range(6):
        create(client, tags=[f"tag-{n}-{i}" for i in range(10)])
    assert len(client.get("/api/tasks/summary").json()["tags"]) == 50
